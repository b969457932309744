#include <node_api.h>

#include <vector>

#include "bindings/call.h"

namespace scmoe {

namespace {
struct Entry {
  const char* name;
  const char* const* arguments;
  size_t count;
  napi_callback callback;
};

// Filled before main by the Export objects of bindings/*/*.cc, read once per environment; never changed afterwards.
std::vector<Entry>& table() {
  static std::vector<Entry> exports;
  return exports;
}

bool addFunction(napi_env env, napi_value exports, napi_value signatures, const Entry& entry) {
  napi_value function, names;
  if (napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, nullptr, &function) != napi_ok ||
      napi_set_named_property(env, exports, entry.name, function) != napi_ok ||
      napi_create_array_with_length(env, entry.count, &names) != napi_ok)
    return false;
  for (size_t i = 0; i < entry.count; ++i) {
    napi_value name;
    if (napi_create_string_utf8(env, entry.arguments[i], NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_set_element(env, names, static_cast<uint32_t>(i), name) != napi_ok)
      return false;
  }
  return napi_set_named_property(env, signatures, entry.name, names) == napi_ok;
}

/// Every function by its name, and `signatures`: the names of its arguments, in the order in which it takes them.
napi_value init(napi_env env, napi_value exports) {
  napi_value signatures;
  bool done = napi_create_object(env, &signatures) == napi_ok &&
              napi_set_named_property(env, exports, "signatures", signatures) == napi_ok;
  for (const Entry& entry : table()) done = done && addFunction(env, exports, signatures, entry);
  if (!done) napi_throw_error(env, nullptr, "could not register the addon's functions");
  return exports;
}
}  // namespace

Export::Export(const char* name, const char* const* arguments, size_t count, napi_callback callback) {
  table().push_back({name, arguments, count, callback});
}

}  // namespace scmoe

NAPI_MODULE_INIT() { return scmoe::init(env, exports); }
