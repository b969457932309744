// What JavaScript calls on a communicator, whatever its engine. The first argument is the communicator's number.
#include "bindings/comm/guarded.h"
#include "bindings/comm/instance.h"

using namespace scmoe;
using namespace scmoe::comm;

namespace {

Handle& handleOf(const Args& args) { return Instance::of(args.env()).find(static_cast<uint32_t>(args.i(0))); }

Request readRequest(const Args& args) {
  Request request;
  request.operation = static_cast<Operation>(args.i(1));
  request.dtype = static_cast<DType>(args.i(2));
  request.wire = static_cast<DType>(args.i(3));
  request.reduction = static_cast<Reduction>(args.i(4));
  request.root = static_cast<int>(args.i(5));
  request.input = args.data(6);
  request.output = args.data(7);
  request.elements = static_cast<size_t>(args.i(8));
  if (args.has(9)) request.sendCounts = args.numbers(9);
  if (args.has(10)) request.recvCounts = args.numbers(10);
  request.timeout = Milliseconds(args.i(11));
  return request;
}

}  // namespace

/// (id, operation, dtype, wire, reduction, root, input, output, elements, sendCounts, recvCounts, timeoutMs) =>
/// sequence
SCMOE_EXPORT(commStart) {
  return guarded(args, [&] {
    Handle& handle = handleOf(args);
    std::vector<napi_value> held;
    for (size_t index : {6, 7})
      if (args.has(index)) held.push_back(args.value(index));
    const uint64_t sequence = handle.communicator->start(readRequest(args));
    Instance::of(args.env()).hold(args.env(), handle, sequence, held);
    return toJs(args.env(), static_cast<double>(sequence));
  });
}

/// (id, sequence): blocks until the work has ended; throws where it failed. Once: the outcome is forgotten then.
SCMOE_EXPORT(commWait) {
  return guarded(args, [&]() -> napi_value {
    Handle& handle = handleOf(args);
    const auto sequence = static_cast<uint64_t>(args.i(1));
    // At once, not when the event loop gets to it: a program that only ever waits would pile up arrays.
    const auto forget = [&] {
      handle.communicator->forget(sequence);
      Instance::letGo(args.env(), handle, sequence);
    };
    try {
      handle.communicator->wait(sequence);
    } catch (const CommError&) {
      if (handle.communicator->isDone(sequence)) forget();
      throw;
    }
    forget();
    return nullptr;
  });
}

/// (id, sequence) => whether wait would return at once
SCMOE_EXPORT(commIsDone) {
  return guarded(
      args, [&] { return toJs(args.env(), handleOf(args).communicator->isDone(static_cast<uint64_t>(args.i(1)))); });
}

/// (id, text): fails everything, on all ranks.
SCMOE_EXPORT(commAbort) {
  return guarded(args, [&]() -> napi_value {
    handleOf(args).communicator->abort(args.text(1));
    return nullptr;
  });
}

/// (id) => the failure's text, or undefined
SCMOE_EXPORT(commFailure) {
  return guarded(args, [&]() -> napi_value {
    const auto failure = handleOf(args).communicator->failure();
    return failure ? toJs(args.env(), std::string(failure->what())) : nullptr;
  });
}

/// (id) => JSON
SCMOE_EXPORT(commFlightRecord) {
  return guarded(args, [&] { return toJs(args.env(), handleOf(args).communicator->flightRecord()); });
}

/// (id): aborts what is going on, joins the thread. May be called twice.
SCMOE_EXPORT(commRelease) {
  Instance::of(args.env()).release(args.env(), static_cast<uint32_t>(args.i(0)));
  return nullptr;
}
