#include "comm/gloo/gloo_engine.h"

#include "bindings/comm/guarded.h"
#include "bindings/comm/instance.h"
#include "bindings/comm/options.h"
#include "signatures/comm/gloo.h"

using namespace scmoe;
using namespace scmoe::comm;

static GlooEngine& engineOf(const Call& call, int64_t id) {
  return static_cast<GlooEngine&>(Instance::of(call.env()).find(id).communicator->engine());
}

SCMOE_EXPORT(glooOpen) {
  return guarded(call, [&] {
    CommunicatorOptions options = optionsOf(call, args);
    const WatchOptions& watch = options.watch;
    auto mesh =
        std::make_unique<GlooMesh>(PeerIdentity{watch.token, watch.group, watch.rank, watch.size}, args.listenHost);
    const uint32_t id =
        Instance::of(call.env())
            .open(call.env(), args.onDone, std::make_unique<GlooEngine>(std::move(mesh)), std::move(options));
    return toJs(call.env(), static_cast<double>(id));
  });
}

SCMOE_EXPORT(glooAddress) {
  return guarded(call, [&] { return toJs(call.env(), engineOf(call, args.id).mesh().address()); });
}

SCMOE_EXPORT(glooSetAddresses) {
  return guarded(call, [&]() -> napi_value {
    GlooEngine& engine = engineOf(call, args.id);
    call.expect(args.count == engine.size(), "addresses", std::to_string(engine.size()) + " of them, one a rank",
                args.count);
    std::vector<std::vector<uint8_t>> everybody;
    for (size_t i = 0; i < args.addresses.data.size(); ++i) {
      const uint8_t* begin = args.addresses.data[i];
      everybody.emplace_back(begin, begin + args.addresses.lengths[i]);
    }
    engine.setAddresses(std::move(everybody));
    return nullptr;
  });
}
