#include <cstring>

#include "bindings/comm/guarded.h"
#include "bindings/comm/instance.h"
#include "bindings/comm/options.h"
#include "comm/nccl/nccl_engine.h"
#include "comm/nccl/nccl_probe.h"

using namespace scmoe;
using namespace scmoe::comm;

namespace {

NcclEngine& engineOf(const Args& args) {
  Handle& handle = Instance::of(args.env()).find(static_cast<uint32_t>(args.i(0)));
  return static_cast<NcclEngine&>(handle.communicator->engine());
}

}  // namespace

/// (ncclCandidates, driverCandidates) => JSON: what is here, and why what is missing is
SCMOE_EXPORT(ncclProbe) {
  return guarded(args, [&] { return toJs(args.env(), jsonOf(probeNccl(args.texts(0), args.texts(1)))); });
}

/// (onDone, ncclPath, driverPath, device, ...options) => id; waits for ncclSetId and a connect.
SCMOE_EXPORT(ncclOpen) {
  return guarded(args, [&] {
    CommunicatorOptions options = readOptions(args, 4);
    NcclEngineOptions engine;
    engine.rank = options.watch.rank;
    engine.size = options.watch.size;
    engine.device = static_cast<int>(args.i(3));
    auto opened = std::make_unique<NcclEngine>(NcclApi::open({args.text(1)}), CudaApi::open({args.text(2)}), engine);
    const uint32_t id =
        Instance::of(args.env()).open(args.env(), args.value(0), std::move(opened), std::move(options));
    return toJs(args.env(), static_cast<double>(id));
  });
}

/// (id) => Uint8Array: what all ranks of a group have to know, made by one of them
SCMOE_EXPORT(ncclCreateId) {
  return guarded(args, [&] {
    const NcclUniqueId id = engineOf(args).createId();
    const auto* begin = reinterpret_cast<const uint8_t*>(&id);
    return toJs(args.env(), std::vector<uint8_t>(begin, begin + sizeof(id)));
  });
}

/// (id, Uint8Array)
SCMOE_EXPORT(ncclSetId) {
  return guarded(args, [&]() -> napi_value {
    NcclUniqueId id{};
    if (args.length(1) != static_cast<int64_t>(sizeof(id))) throw Error("no NCCL id: expected 128 bytes");
    std::memcpy(&id, args.bytes(1), sizeof(id));
    engineOf(args).setId(id);
    return nullptr;
  });
}
