#include <node_api.h>

#include <utility>
#include <vector>

#include "bindings/args.h"

namespace scmoe {

namespace {
// Filled before main by the Export objects of bindings/*/*.cc, read once per environment; never changed afterwards.
std::vector<std::pair<const char*, napi_callback>>& table() {
  static std::vector<std::pair<const char*, napi_callback>> exports;
  return exports;
}
}  // namespace

Export::Export(const char* name, napi_callback callback) { table().emplace_back(name, callback); }

static napi_value init(napi_env env, napi_value exports) {
  for (const auto& [name, callback] : table()) {
    napi_value function;
    if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function) != napi_ok ||
        napi_set_named_property(env, exports, name, function) != napi_ok) {
      napi_throw_error(env, nullptr, "could not register the addon's functions");
      return nullptr;
    }
  }
  return exports;
}

}  // namespace scmoe

NAPI_MODULE_INIT() { return scmoe::init(env, exports); }
