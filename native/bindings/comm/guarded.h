#pragma once
#include "bindings/call.h"
#include "comm/error.h"

namespace scmoe::comm {

/// Throws a CommError as a JavaScript Error with `code` and `ranks`.
void throwToJs(napi_env env, const CommError& error);

/// Runs a binding's body; what else it throws, boundCall turns into a JavaScript Error.
template <typename Body>
napi_value guarded(const Call& call, const Body& body) {
  try {
    return body();
  } catch (const CommError& error) {
    throwToJs(call.env(), error);
    return nullptr;
  }
}

}  // namespace scmoe::comm
