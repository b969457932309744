#include "signatures/tensorflow/graph.h"

#include "bindings/tensorflow/instance.h"
#include "bindings/tensorflow/operation_of.h"
#include "tensorflow/status.h"

using namespace scmoe;
using namespace scmoe::tensorflow;

namespace {

Graph& graph(const Call& call, int64_t id) { return Instance::of(call.env()).graph(id); }

}  // namespace

SCMOE_EXPORT(tfGraphCreate) { return toJs(call.env(), static_cast<double>(Instance::of(call.env()).addGraph())); }

SCMOE_EXPORT(tfGraphDelete) {
  Instance::of(call.env()).removeGraph(args.graph);
  return nullptr;
}

SCMOE_EXPORT(tfGraphAdd) {
  Results results(args.results, args.capacity);
  const int count = graph(call, args.graph).add(operationOf(args), args.name, args.after, args.numAfter, results);
  return toJs(call.env(), static_cast<double>(count));
}

SCMOE_EXPORT(tfGraphSetShape) {
  Results results(args.results, args.capacity);
  graph(call, args.graph).setShape(args.output, args.dims, results);
  return nullptr;
}

SCMOE_EXPORT(tfGraphToFunction) {
  const auto list = [](const int32_t* ids, int64_t count) { return std::vector<int32_t>(ids, ids + count); };
  const Session& session = Instance::of(call.env()).session();
  graph(call, args.graph)
      .toFunction(session.context(), args.name, list(args.inputs, args.numInputs), list(args.outputs, args.numOutputs),
                  list(args.effects, args.numEffects));
  return nullptr;
}

SCMOE_EXPORT(tfFunctionRemove) {
  const Session& session = Instance::of(call.env()).session();
  const Status status(session.api());
  session.api().ContextRemoveFunction(session.context(), args.name.c_str(), status);
  status.check("function " + args.name);
  return nullptr;
}
