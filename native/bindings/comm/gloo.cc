#include "bindings/comm/guarded.h"
#include "bindings/comm/instance.h"
#include "bindings/comm/options.h"
#include "comm/gloo/gloo_engine.h"

using namespace scmoe;
using namespace scmoe::comm;

namespace {

GlooEngine& engineOf(const Args& args) {
  Handle& handle = Instance::of(args.env()).find(static_cast<uint32_t>(args.i(0)));
  return static_cast<GlooEngine&>(handle.communicator->engine());
}

void check(napi_status status, const char* what) {
  if (status != napi_ok) throw Error(std::string("Node-API: ") + what + " failed");
}

}  // namespace

/// (onDone, listenHost, connectTimeoutMs, ...options) => id; listens, and waits for glooSetAddresses and a connect.
SCMOE_EXPORT(glooOpen) {
  return guarded(args, [&] {
    CommunicatorOptions options = readOptions(args, 3);
    auto mesh =
        std::make_unique<GlooMesh>(options.watch.rank, options.watch.size, args.text(1), Milliseconds(args.i(2)));
    const uint32_t id =
        Instance::of(args.env())
            .open(args.env(), args.value(0), std::make_unique<GlooEngine>(std::move(mesh)), std::move(options));
    return toJs(args.env(), static_cast<double>(id));
  });
}

/// (id) => Uint8Array: where the other ranks reach this one
SCMOE_EXPORT(glooAddresses) {
  return guarded(args, [&] { return toJs(args.env(), engineOf(args).mesh().addresses()); });
}

/// (id, [Uint8Array of rank 0, of rank 1, ...])
SCMOE_EXPORT(glooSetAddresses) {
  return guarded(args, [&]() -> napi_value {
    uint32_t length = 0;
    check(napi_get_array_length(args.env(), args.value(1), &length), "reading an array");
    std::vector<std::vector<uint8_t>> everybody(length);
    for (uint32_t i = 0; i < length; ++i) {
      napi_value element;
      size_t bytes = 0;
      void* data = nullptr;
      check(napi_get_element(args.env(), args.value(1), i, &element), "reading an array");
      check(napi_get_typedarray_info(args.env(), element, nullptr, &bytes, &data, nullptr, nullptr),
            "reading an address");
      const auto* begin = static_cast<const uint8_t*>(data);
      everybody[i].assign(begin, begin + bytes);
    }
    engineOf(args).setAddresses(std::move(everybody));
    return nullptr;
  });
}
