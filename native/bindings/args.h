#pragma once
#include <node_api.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"

namespace scmoe {

/// The arguments of one call from JavaScript. TypeScript has validated them already, so these readers only guard
/// against a wrong type, never against a wrong meaning. Typed arrays come as raw pointers, valid during the call.
class Args {
 public:
  Args(napi_env env, napi_callback_info info);

  napi_env env() const { return env_; }
  size_t count() const { return count_; }
  bool has(size_t index) const;  // present, and neither undefined nor null
  napi_value value(size_t index) const;

  /// Data of a Float32Array / Int32Array / Uint8Array; nullptr where the argument is undefined or null.
  float* floats(size_t index) const { return static_cast<float*>(array(index, napi_float32_array)); }
  int32_t* ints(size_t index) const { return static_cast<int32_t*>(array(index, napi_int32_array)); }
  uint8_t* bytes(size_t index) const { return static_cast<uint8_t*>(array(index, napi_uint8_array)); }
  /// Any typed array, whatever its element type.
  void* data(size_t index) const;
  /// Element type of a typed array.
  napi_typedarray_type type(size_t index) const;
  /// Number of elements of a typed array.
  int64_t length(size_t index) const;

  double number(size_t index) const;
  float f(size_t index) const { return static_cast<float>(number(index)); }
  int64_t i(size_t index) const { return static_cast<int64_t>(number(index)); }
  bool flag(size_t index) const;
  std::string text(size_t index) const;
  /// An Array of numbers, e.g. a shape.
  std::vector<int64_t> numbers(size_t index) const;
  /// An Array of strings.
  std::vector<std::string> texts(size_t index) const;
  /// An Array of Float32Array.
  std::vector<float*> floatArrays(size_t index, std::vector<int64_t>* lengths = nullptr) const;

 private:
  static constexpr size_t kMax = 40;
  void* array(size_t index, napi_typedarray_type expected) const;

  napi_env env_;
  size_t count_ = kMax;
  napi_value values_[kMax];
};

/// Values for JavaScript.
napi_value toJs(napi_env env, double number);
napi_value toJs(napi_env env, const std::string& text);
napi_value toJs(napi_env env, bool flag);
/// A Uint8Array.
napi_value toJs(napi_env env, const std::vector<uint8_t>& bytes);

using BoundFunction = napi_value (*)(Args&);

/// Puts a function under its name into the addon's exports; see SCMOE_EXPORT.
struct Export {
  Export(const char* name, napi_callback callback);
};

/// A C++ exception becomes a JavaScript Error; a nullptr result becomes undefined.
template <BoundFunction Function>
napi_value boundCall(napi_env env, napi_callback_info info) {
  try {
    Args args(env, info);
    return Function(args);
  } catch (const std::exception& error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

}  // namespace scmoe

/// SCMOE_EXPORT(name) { ...uses `args`...; return nullptr; }
#define SCMOE_EXPORT(name)                                                                  \
  static napi_value bound_##name(::scmoe::Args& args);                                      \
  static ::scmoe::Export export_##name(#name, &::scmoe::boundCall<&bound_##name>);          \
  static napi_value bound_##name([[maybe_unused]] ::scmoe::Args& args)
