#include "bindings/capture.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "core/error.h"

namespace scmoe {

void* ArrayPlaces::operator()(const void* array) const {
  const char* const at = static_cast<const char*>(array);
  const auto after = std::upper_bound(before_.begin(), before_.end(), at,
                                      [](const char* one, const Range& range) { return one < range.begin; });
  if (after != before_.begin()) {
    const Range& range = *std::prev(after);
    if (at < range.begin + std::max(range.bytes, size_t{1}))
      return static_cast<char*>(now_[range.index]) + (at - range.begin);
  }
  throw Error("a captured call: expected its arrays to lie in those that it was linked with");
}

Capture::Capture(napi_env env, bool isDry) : env_(env), isDry_(isDry) {
  napi_value arrays;
  if (napi_create_array(env, &arrays) != napi_ok || napi_create_reference(env, arrays, 1, &arrays_) != napi_ok)
    throw Error("beginCapture: could not make a list of arrays");
}

Capture::~Capture() { napi_delete_reference(env_, arrays_); }

void Capture::keep(napi_value array) {
  napi_value arrays;
  if (napi_get_reference_value(env_, arrays_, &arrays) != napi_ok ||
      napi_set_element(env_, arrays, numArrays_++, array) != napi_ok)
    throw Error("beginCapture: could not keep an array");
}

void Capture::run() const {
  for (const auto& call : calls_) call->run(env_);
}

Capture*& currentCapture() {
  static thread_local Capture* current = nullptr;
  return current;
}

CapturedResult resultOf(napi_env env, napi_value value) {
  CapturedResult result;
  result.isNumber = value != nullptr && napi_get_value_double(env, value, &result.number) == napi_ok;
  return result;
}

void CapturedCall::expectSame(napi_env env, const char* function, const CapturedResult& first, napi_value now) {
  const CapturedResult result = resultOf(env, now);
  if (first.isNumber && result.number != first.number)
    throw Error(std::string(function) + ": gave " + std::to_string(result.number) + " where it gave " +
                std::to_string(first.number) + " when it was captured");
}

}  // namespace scmoe
