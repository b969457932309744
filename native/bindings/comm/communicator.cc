// What JavaScript calls on a communicator, whatever its engine.
#include "signatures/comm/communicator.h"

#include "bindings/comm/guarded.h"
#include "bindings/comm/instance.h"
#include "bindings/comm/request.h"

using namespace scmoe;
using namespace scmoe::comm;

SCMOE_EXPORT(commStart) {
  return guarded(call, [&] {
    Handle& handle = Instance::of(call.env()).find(args.id);
    const Engine& engine = handle.communicator->engine();
    Request request = readRequest(call, args, engine);
    std::vector<napi_value> held;
    for (napi_value array : {args.input.value, args.output.value})
      if (array) held.push_back(array);
    const uint64_t sequence = handle.communicator->start(std::move(request));
    Instance::of(call.env()).hold(call.env(), handle, sequence, held);
    return toJs(call.env(), static_cast<double>(sequence));
  });
}

SCMOE_EXPORT(commWait) {
  return guarded(call, [&]() -> napi_value {
    Handle& handle = Instance::of(call.env()).find(args.id);
    const auto sequence = static_cast<uint64_t>(args.sequence);
    // At once, not when the event loop gets to it: a program that only ever waits would pile up arrays.
    const auto forget = [&] {
      handle.communicator->forget(sequence);
      Instance::letGo(call.env(), handle, sequence);
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

SCMOE_EXPORT(commIsDone) {
  return guarded(call, [&] {
    const Handle& handle = Instance::of(call.env()).find(args.id);
    return toJs(call.env(), handle.communicator->isDone(static_cast<uint64_t>(args.sequence)));
  });
}

SCMOE_EXPORT(commAbort) {
  return guarded(call, [&]() -> napi_value {
    Instance::of(call.env()).find(args.id).communicator->abort(args.text);
    return nullptr;
  });
}

SCMOE_EXPORT(commFailure) {
  return guarded(call, [&]() -> napi_value {
    const auto failure = Instance::of(call.env()).find(args.id).communicator->failure();
    return failure ? toJs(call.env(), std::string(failure->what())) : nullptr;
  });
}

SCMOE_EXPORT(commFlightRecord) {
  return guarded(call,
                 [&] { return toJs(call.env(), Instance::of(call.env()).find(args.id).communicator->flightRecord()); });
}

SCMOE_EXPORT(commRelease) {
  Instance::of(call.env()).release(call.env(), args.id);
  return nullptr;
}
