#include "tensorflow/graph.h"

#include "core/error.h"
#include "tensorflow/attributes.h"
#include "tensorflow/status.h"

namespace scmoe::tensorflow {

int Graph::add(const OperationCall& call, const std::string& name, const int32_t* after, int64_t numAfter,
               Results& results) {
  // All numbers are looked up before: a description that has been begun can only be finished.
  std::vector<TF_Output> inputs;
  for (int64_t i = 0; i < call.numInputs; ++i) inputs.push_back(output(call.inputs[i]));
  std::vector<TF_Operation*> before;
  for (int64_t i = 0; i < numAfter; ++i) before.push_back(operation(after[i]));
  eachArgument(
      call, [](int64_t) {}, [](int64_t, int) {});
  eachAttribute(call.attributes, static_cast<size_t>(call.numAttributeBytes),
                [](const char*, const uint8_t*, size_t) {});

  const std::string node = name.empty() ? "n" + std::to_string(operations_.size()) : name;
  TF_OperationDescription* description = api_.NewOperation(graph_, call.operation.c_str(), node.c_str());
  eachArgument(
      call, [&](int64_t first) { api_.AddInput(description, inputs[static_cast<size_t>(first)]); },
      [&](int64_t first, int count) { api_.AddInputList(description, inputs.data() + first, count); });
  for (TF_Operation* operation : before) api_.AddControlInput(description, operation);
  std::string wrong;
  eachAttribute(call.attributes, static_cast<size_t>(call.numAttributeBytes),
                [&](const char* attribute, const uint8_t* bytes, size_t size) {
                  const Status status(api_);
                  api_.SetAttrValueProto(description, attribute, bytes, size, status);
                  if (!status.isGood()) wrong = attribute;
                });
  const Status status(api_);
  TF_Operation* operation = api_.FinishOperation(description, status);
  if (!status.isGood()) status.check(textOfCall(call));
  if (!wrong.empty()) throw Error(textOfCall(call) + ": attribute " + wrong + " can't be read");

  results.add(static_cast<int64_t>(operations_.size()));
  operations_.push_back(operation);
  const int count = api_.OperationNumOutputs(operation);
  for (int i = 0; i < count; ++i) {
    const TF_Output made{operation, i};
    results.add(static_cast<int32_t>(outputs_.size()), describe(made));
    outputs_.push_back(made);
  }
  return count;
}

void Graph::setShape(int64_t id, const std::vector<int64_t>& dims, Results& results) {
  const TF_Output known = output(id);
  const Status status(api_);
  api_.GraphSetTensorShape(graph_, known, dims.data(), static_cast<int>(dims.size()), status);
  if (!status.isGood()) status.check("the shape of " + textOf(describe(known)));
  results.add(static_cast<int32_t>(id), describe(known));
}

void Graph::toFunction(TFE_Context* context, const std::string& name, const std::vector<int32_t>& inputs,
                       const std::vector<int32_t>& outputs, const std::vector<int32_t>& effects) const {
  const auto outputsOf = [&](const std::vector<int32_t>& ids) {
    std::vector<TF_Output> found;
    for (int32_t id : ids) found.push_back(output(id));
    return found;
  };
  const std::vector<TF_Output> arguments = outputsOf(inputs);
  const std::vector<TF_Output> results = outputsOf(outputs);
  std::vector<const TF_Operation*> controls;
  for (int32_t id : effects) controls.push_back(operation(id));
  const Status status(api_);
  constexpr int kAll = -1;
  TF_Function* function = api_.GraphToFunctionWithControlOutputs(
      graph_, name.c_str(), 0, kAll, nullptr, static_cast<int>(arguments.size()), arguments.data(),
      static_cast<int>(results.size()), results.data(), nullptr, static_cast<int>(controls.size()), controls.data(),
      nullptr, nullptr, nullptr, status);
  status.check("function " + name);
  api_.ContextAddFunction(context, function, status);
  api_.DeleteFunction(function);
  status.check("function " + name);
}

TF_Output Graph::output(int64_t id) const {
  if (id < 0 || id >= static_cast<int64_t>(outputs_.size()))
    throw ArgumentError("graph: inputs: expected outputs of this graph, got " + std::to_string(id));
  return outputs_[static_cast<size_t>(id)];
}

TF_Operation* Graph::operation(int64_t id) const {
  if (id < 0 || id >= static_cast<int64_t>(operations_.size()))
    throw ArgumentError("graph: after: expected operations of this graph, got " + std::to_string(id));
  return operations_[static_cast<size_t>(id)];
}

Description Graph::describe(TF_Output output) const {
  const Status status(api_);
  Description description;
  description.dtype = api_.OperationOutputType(output);
  const int rank = api_.GraphGetTensorNumDims(graph_, output, status);
  status.check("the rank of an output");
  description.hasRank = rank >= 0;
  if (rank > 0) {
    description.dims.resize(static_cast<size_t>(rank));
    api_.GraphGetTensorShape(graph_, output, description.dims.data(), rank, status);
    status.check("the shape of an output");
  }
  return description;
}

std::string Graph::textOfCall(const OperationCall& call) const {
  std::string text = call.operation + "(";
  for (int64_t i = 0; i < call.numInputs; ++i) text += (i ? ", " : "") + textOf(describe(output(call.inputs[i])));
  return text + ")";
}

}  // namespace scmoe::tensorflow
