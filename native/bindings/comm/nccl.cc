#include "comm/nccl/nccl_engine.h"

#include <cstring>

#include "bindings/comm/guarded.h"
#include "bindings/comm/instance.h"
#include "bindings/comm/options.h"
#include "comm/nccl/nccl_probe.h"
#include "signatures/comm/nccl.h"

using namespace scmoe;
using namespace scmoe::comm;

static NcclEngine& engineOf(const Call& call, int64_t id) {
  return static_cast<NcclEngine&>(Instance::of(call.env()).find(id).communicator->engine());
}

SCMOE_EXPORT(ncclProbe) {
  return guarded(call, [&] { return toJs(call.env(), jsonOf(probeNccl(args.ncclCandidates, args.driverCandidates))); });
}

SCMOE_EXPORT(ncclOpen) {
  return guarded(call, [&] {
    CommunicatorOptions options = optionsOf(call, args);
    NcclEngineOptions engine;
    engine.rank = options.watch.rank;
    engine.size = options.watch.size;
    engine.device = static_cast<int>(args.device);
    auto opened =
        std::make_unique<NcclEngine>(NcclApi::open({args.ncclPath}), CudaApi::open({args.driverPath}), engine);
    const uint32_t id = Instance::of(call.env()).open(call.env(), args.onDone, std::move(opened), std::move(options));
    return toJs(call.env(), static_cast<double>(id));
  });
}

SCMOE_EXPORT(ncclCreateId) {
  return guarded(call, [&] {
    const NcclUniqueId id = engineOf(call, args.id).createId();
    const auto* begin = reinterpret_cast<const uint8_t*>(&id);
    return toJs(call.env(), std::vector<uint8_t>(begin, begin + sizeof(id)));
  });
}

SCMOE_EXPORT(ncclSetId) {
  return guarded(call, [&]() -> napi_value {
    NcclUniqueId id{};
    static_assert(sizeof(id) == 128, "the length in the signature");
    std::memcpy(&id, args.bytes, sizeof(id));
    engineOf(call, args.id).setId(id);
    return nullptr;
  });
}
