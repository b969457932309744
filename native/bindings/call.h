#pragma once
#include <node_api.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "bindings/capture.h"
#include "bindings/fences.h"
#include "bindings/length.h"
#include "core/error.h"

namespace scmoe {

/// A typed array whose element type the function leaves open.
template <typename Void>
struct AnyArray {
  napi_typedarray_type type = napi_uint8_array;
  Void* data = nullptr;
  int64_t length = 0;
  napi_value value = nullptr;
};

inline AnyArray<const void> constant(const AnyArray<void>& array) {
  return {array.type, array.data, array.length, array.value};
}

/// An array of typed arrays.
template <typename T>
struct ArrayList {
  std::vector<T*> data;
  std::vector<int64_t> lengths;
};

/// One call from JavaScript, whose arguments the generated structs of signatures/ read. Every reader checks what it
/// reads: in any build, whatever JavaScript passes ends in an ArgumentError or in memory that is really there. Typed
/// arrays come as raw pointers, valid during the call.
class Call {
 public:
  /// @param function its name, for messages @param arguments how many its signature has
  Call(napi_env env, napi_callback_info info, const char* function, size_t arguments);
  /// A call whose arguments have been read before.
  Call(napi_env env, const char* function) : env_(env), function_(function), values_{} {}

  napi_env env() const { return env_; }
  napi_value value(size_t index) const { return values_[index]; }
  /// Whether an argument is neither undefined nor null.
  bool has(size_t index) const;

  int64_t integer(size_t index, const char* name, int64_t low, int64_t high) const;
  double number(size_t index, const char* name) const;
  bool boolean(size_t index, const char* name) const;
  std::string text(size_t index, const char* name) const;
  std::vector<std::string> texts(size_t index, const char* name) const;
  napi_value function(size_t index, const char* name) const;
  /// Position of a text among `choices`.
  int choice(size_t index, const char* name, const char* const* choices, int count) const;
  /// Sizes in a plain array; as many as there are where `count` is negative.
  std::vector<int64_t> sizes(size_t index, const char* name, int64_t count) const;

  /// @param length number of elements that are needed, `words` how it comes about
  template <typename T>
  T* array(size_t index, const char* name, napi_typedarray_type type, Length length, const char* words) const {
    return static_cast<T*>(anyArray(index, name, {type}, length, words).data);
  }
  AnyArray<void> anyArray(size_t index, const char* name, std::initializer_list<napi_typedarray_type> types,
                          Length length, const char* words) const;
  /// @param lengths what each has to hold at least, where there is such a list
  template <typename T>
  ArrayList<T> arrays(size_t index, const char* name, napi_typedarray_type type, int64_t count,
                      const std::vector<int64_t>* lengths) const {
    const ArrayList<void> untyped = anyArrays(index, name, type, count, lengths);
    ArrayList<T> result;
    for (void* data : untyped.data) result.data.push_back(static_cast<T*>(data));
    result.lengths = untyped.lengths;
    return result;
  }

  /// The whole numbers of a walk, as they lie in its Float64Array: rank, sizes, and the strides of each operand.
  /// @param numbers room for 1 + (1 + operands) * maxRank
  void walk(size_t index, const char* name, int maxRank, int operands, int64_t* numbers) const;

  /// @throws ArgumentError naming function and argument, unless `holds`
  void expect(bool holds, const char* name, const std::string& expected, int64_t got) const {
    if (!holds) reject(name, expected, std::to_string(got));
  }
  [[noreturn]] void reject(const char* name, const std::string& expected, const std::string& got) const;

 private:
  static constexpr size_t kMax = 32;
  [[noreturn]] void rejectValue(napi_value value, const char* name, const std::string& expected) const;
  AnyArray<void> typedArray(napi_value value, const char* name, std::initializer_list<napi_typedarray_type> types,
                            const char* words) const;
  ArrayList<void> anyArrays(size_t index, const char* name, napi_typedarray_type type, int64_t count,
                            const std::vector<int64_t>* lengths) const;
  uint32_t listLength(size_t index, const char* name, const char* words) const;
  napi_value element(size_t index, uint32_t position) const;

  napi_env env_;
  const char* function_;
  napi_value values_[kMax];
  mutable Fences fences_;
};

/// Values for JavaScript.
napi_value toJs(napi_env env, double number);
napi_value toJs(napi_env env, const std::string& text);
napi_value toJs(napi_env env, bool flag);
/// A Uint8Array.
napi_value toJs(napi_env env, const std::vector<uint8_t>& bytes);

/// Throws what is being handled as a JavaScript Error: code SCMOE_ARGUMENT for an ArgumentError, else SCMOE_NATIVE.
void throwToJs(napi_env env);

/// Puts a function under its name into the addon's exports; see SCMOE_EXPORT.
struct Export {
  Export(const char* name, const char* const* arguments, size_t count, napi_callback callback);
};

/// A call of `Function` with the arguments of its first time.
template <typename Arguments, napi_value (*Function)(const Call&, const Arguments&)>
class CapturedCallOf final : public CapturedCall {
 public:
  CapturedCallOf(Arguments arguments, CapturedResult first) : arguments_(std::move(arguments)), first_(first) {}

  void run(napi_env env) const override {
    const Call call(env, Arguments::kFunction);
    expectSame(env, Arguments::kFunction, first_, Function(call, arguments_));
  }

  void runAt(const ArrayPlaces& places) const override {
    Arguments arguments = arguments_;
    arguments.moveArrays(places);
    // No JavaScript here, which a function that is silent does not ask for.
    Function(Call(nullptr, Arguments::kFunction), arguments);
  }

  void expectWithin(const ArrayPlaces& places) const override {
    Arguments arguments = arguments_;
    arguments.moveArrays(places);
  }

  bool isSilent() const override { return !first_.isNumber; }

 private:
  Arguments arguments_;
  CapturedResult first_;
};

/// A C++ exception becomes a JavaScript Error; a nullptr result becomes undefined.
template <typename Arguments, napi_value (*Function)(const Call&, const Arguments&), bool isCaptured = true>
napi_value boundCall(napi_env env, napi_callback_info info) {
  try {
    const Call call(env, info, Arguments::kFunction, Arguments::kCount);
    Arguments arguments(call);
    if constexpr (isCaptured) {
      if (Capture* capture = currentCapture()) {
        napi_value result = capture->isDry() ? nullptr : Function(call, arguments);
        capture->add(
            std::make_unique<CapturedCallOf<Arguments, Function>>(std::move(arguments), resultOf(env, result)));
        return result;
      }
    }
    return Function(call, arguments);
  } catch (...) {
    throwToJs(env);
    return nullptr;
  }
}

}  // namespace scmoe

/// SCMOE_EXPORT(name) { ...uses `args`, the struct signatures::name, and `call`...; return nullptr; }
/// While a capture is being made the call is part of it; what only answers a question is exported as ..._UNCAPTURED.
#define SCMOE_EXPORT(name) SCMOE_EXPORT_AS(name, true)
#define SCMOE_EXPORT_UNCAPTURED(name) SCMOE_EXPORT_AS(name, false)
#define SCMOE_EXPORT_AS(name, isCaptured)                                                                          \
  static napi_value bound_##name(const ::scmoe::Call& call, const ::scmoe::signatures::name& args);                \
  static const ::scmoe::Export export_##name(                                                                      \
      ::scmoe::signatures::name::kFunction, ::scmoe::signatures::name::names(), ::scmoe::signatures::name::kCount, \
      &::scmoe::boundCall<::scmoe::signatures::name, &bound_##name, isCaptured>);                                  \
  static napi_value bound_##name([[maybe_unused]] const ::scmoe::Call& call,                                       \
                                 [[maybe_unused]] const ::scmoe::signatures::name& args)
