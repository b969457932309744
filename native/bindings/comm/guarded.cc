#include "bindings/comm/guarded.h"

namespace scmoe::comm {

void throwToJs(napi_env env, const CommError& error) {
  napi_value code, message, object, ranks;
  const bool made = napi_create_string_utf8(env, codeOf(error.kind), NAPI_AUTO_LENGTH, &code) == napi_ok &&
                    napi_create_string_utf8(env, error.what(), NAPI_AUTO_LENGTH, &message) == napi_ok &&
                    napi_create_error(env, code, message, &object) == napi_ok &&
                    napi_create_array_with_length(env, error.ranks.size(), &ranks) == napi_ok;
  if (!made) {
    napi_throw_error(env, codeOf(error.kind), error.what());
    return;
  }
  for (size_t i = 0; i < error.ranks.size(); ++i) {
    napi_value rank;
    if (napi_create_double(env, error.ranks[i], &rank) == napi_ok)
      napi_set_element(env, ranks, static_cast<uint32_t>(i), rank);
  }
  napi_set_named_property(env, object, "ranks", ranks);
  napi_throw(env, object);
}

}  // namespace scmoe::comm
