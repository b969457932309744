#include "bindings/call.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace scmoe {

namespace {

void check(napi_status status, const char* what) {
  if (status != napi_ok) throw Error(std::string("Node-API: ") + what + " failed");
}

const char* nameOf(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array: return "Int8Array";
    case napi_uint8_array: return "Uint8Array";
    case napi_uint8_clamped_array: return "Uint8ClampedArray";
    case napi_int16_array: return "Int16Array";
    case napi_uint16_array: return "Uint16Array";
    case napi_int32_array: return "Int32Array";
    case napi_uint32_array: return "Uint32Array";
    case napi_float32_array: return "Float32Array";
    case napi_float64_array: return "Float64Array";
    case napi_bigint64_array: return "BigInt64Array";
    case napi_biguint64_array: return "BigUint64Array";
    default: return "another typed array";
  }
}

size_t bytesOf(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array: return 1;
    case napi_int16_array:
    case napi_uint16_array: return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array: return 4;
    default: return 8;
  }
}

std::string nameOf(std::initializer_list<napi_typedarray_type> types) {
  std::string names;
  for (napi_typedarray_type type : types) names += (names.empty() ? "" : " or ") + std::string(nameOf(type));
  return names;
}

std::string textOf(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", number);
  return text;
}

/// A JavaScript value as an error shows it.
std::string shown(napi_env env, napi_value value) {
  napi_typedarray_type array;
  size_t length = 0;
  if (napi_get_typedarray_info(env, value, &array, &length, nullptr, nullptr, nullptr) == napi_ok)
    return std::string(nameOf(array)) + " of " + std::to_string(length);
  napi_valuetype type;
  check(napi_typeof(env, value, &type), "typeof");
  double number = 0;
  bool flag = false;
  switch (type) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_number: check(napi_get_value_double(env, value, &number), "reading a number"); return textOf(number);
    case napi_boolean:
      check(napi_get_value_bool(env, value, &flag), "reading a boolean");
      return flag ? "true" : "false";
    case napi_string: return "a text";
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    case napi_bigint: return "a bigint";
    default: break;
  }
  bool isArray = false;
  return napi_is_array(env, value, &isArray) == napi_ok && isArray ? "an array" : "an object";
}

/// Whether a double is a whole number from `low` to `high`, which it is then.
bool isWhole(double number, int64_t low, int64_t high) {
  return number >= static_cast<double>(low) && number <= static_cast<double>(high) && number == std::floor(number);
}

std::string rangeText(int64_t low, int64_t high) {
  if (high >= kMaxSize) return low == 0 ? "a whole number" : "a whole number of at least " + std::to_string(low);
  return "a whole number from " + std::to_string(low) + " to " + std::to_string(high);
}

bool textAt(napi_env env, napi_value value, std::string& text) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  text.assign(length, '\0');
  check(napi_get_value_string_utf8(env, value, text.data(), length + 1, &length), "reading a text");
  return true;
}

}  // namespace

Call::Call(napi_env env, napi_callback_info info, const char* function, size_t arguments)
    : env_(env), function_(function) {
  size_t count = kMax;  // what was not passed comes as undefined
  check(napi_get_cb_info(env, info, &count, values_, nullptr, nullptr), "reading the arguments");
  if (count > arguments)
    throw ArgumentError(std::string(function) + ": expected " + std::to_string(arguments) + " arguments, got " +
                        std::to_string(count));
}

void Call::reject(const char* name, const std::string& expected, const std::string& got) const {
  throw ArgumentError(std::string(function_) + ": " + name + ": expected " + expected + ", got " + got);
}

void Call::rejectValue(napi_value value, const char* name, const std::string& expected) const {
  reject(name, expected, shown(env_, value));
}

bool Call::has(size_t index) const {
  napi_valuetype type;
  check(napi_typeof(env_, values_[index], &type), "typeof");
  return type != napi_undefined && type != napi_null;
}

int64_t Call::integer(size_t index, const char* name, int64_t low, int64_t high) const {
  double number = 0;
  if (napi_get_value_double(env_, values_[index], &number) != napi_ok || !isWhole(number, low, high))
    rejectValue(values_[index], name, rangeText(low, high));
  return static_cast<int64_t>(number);
}

double Call::number(size_t index, const char* name) const {
  double result = 0;
  if (napi_get_value_double(env_, values_[index], &result) != napi_ok) rejectValue(values_[index], name, "a number");
  return result;
}

bool Call::boolean(size_t index, const char* name) const {
  bool result = false;
  if (napi_get_value_bool(env_, values_[index], &result) != napi_ok) rejectValue(values_[index], name, "true or false");
  return result;
}

std::string Call::text(size_t index, const char* name) const {
  std::string result;
  if (!textAt(env_, values_[index], result)) rejectValue(values_[index], name, "a text");
  return result;
}

std::vector<std::string> Call::texts(size_t index, const char* name) const {
  std::vector<std::string> result(listLength(index, name, "an array of texts"));
  for (uint32_t i = 0; i < result.size(); ++i)
    if (napi_value value = element(index, i); !textAt(env_, value, result[i]))
      rejectValue(value, name, "an array of texts");
  return result;
}

napi_value Call::function(size_t index, const char* name) const {
  napi_valuetype type;
  check(napi_typeof(env_, values_[index], &type), "typeof");
  if (type != napi_function) rejectValue(values_[index], name, "a function");
  return values_[index];
}

int Call::choice(size_t index, const char* name, const char* const* choices, int count) const {
  char text[32];
  size_t length = 0;
  if (napi_get_value_string_utf8(env_, values_[index], text, sizeof text, &length) == napi_ok)
    for (int i = 0; i < count; ++i)
      if (std::strcmp(text, choices[i]) == 0) return i;
  std::string expected = "one of";
  for (int i = 0; i < count; ++i) expected += (i ? ", " : " ") + std::string(choices[i]);
  rejectValue(values_[index], name, expected);
}

std::vector<int64_t> Call::sizes(size_t index, const char* name, int64_t count) const {
  const std::string words = count < 0 ? "an array of sizes" : "an array of " + std::to_string(count) + " sizes";
  std::vector<int64_t> result(listLength(index, name, words.c_str()));
  if (count >= 0 && static_cast<int64_t>(result.size()) != count)
    reject(name, words, "one of " + std::to_string(result.size()));
  for (uint32_t i = 0; i < result.size(); ++i) {
    double number = 0;
    napi_value value = element(index, i);
    if (napi_get_value_double(env_, value, &number) != napi_ok || !isWhole(number, 0, kMaxSize))
      rejectValue(value, name, words);
    result[i] = static_cast<int64_t>(number);
  }
  return result;
}

AnyArray<void> Call::typedArray(napi_value value, const char* name, std::initializer_list<napi_typedarray_type> types,
                                const char* words) const {
  AnyArray<void> result;
  size_t length = 0;
  if (napi_get_typedarray_info(env_, value, &result.type, &length, &result.data, nullptr, nullptr) != napi_ok)
    rejectValue(value, name, std::string(words) + nameOf(types));
  bool known = false;
  for (napi_typedarray_type type : types) known = known || type == result.type;
  if (!known) rejectValue(value, name, std::string(words) + nameOf(types));
  result.length = static_cast<int64_t>(length);
  result.value = value;
  fences_.add(env_, value, result.data, length * bytesOf(result.type));
  if (Capture* capture = currentCapture()) capture->keep(value);
  return result;
}

AnyArray<void> Call::anyArray(size_t index, const char* name, std::initializer_list<napi_typedarray_type> types,
                              Length length, const char* words) const {
  const AnyArray<void> result = typedArray(values_[index], name, types, "a ");
  if (result.length < length.value)
    rejectValue(values_[index], name,
                "a " + nameOf(types) + " of at least " + std::to_string(length.value) + " (" + words + ")");
  return result;
}

ArrayList<void> Call::anyArrays(size_t index, const char* name, napi_typedarray_type type, int64_t count,
                                const std::vector<int64_t>* lengths) const {
  const std::string words = "an array of " + std::to_string(count) + " ";
  const uint32_t present = listLength(index, name, (words + nameOf(type)).c_str());
  if (present != count) reject(name, words + nameOf(type), std::to_string(present) + " of them");
  ArrayList<void> result;
  for (uint32_t i = 0; i < present; ++i) {
    napi_value value = element(index, i);
    const AnyArray<void> one = typedArray(value, name, {type}, words.c_str());
    if (lengths && one.length < (*lengths)[i])
      rejectValue(
          value, name,
          words + nameOf(type) + ", number " + std::to_string(i) + " of at least " + std::to_string((*lengths)[i]));
    result.data.push_back(one.data);
    result.lengths.push_back(one.length);
  }
  return result;
}

void Call::walk(size_t index, const char* name, int maxRank, int operands, int64_t* numbers) const {
  const AnyArray<void> array = typedArray(values_[index], name, {napi_float64_array}, "a walk: a ");
  const auto* from = static_cast<const double*>(array.data);
  if (array.length < 1 || !isWhole(from[0], 0, maxRank))
    reject(name, "a walk of at most " + std::to_string(maxRank) + " dimensions",
           array.length < 1 ? "an empty array" : textOf(from[0]));
  const auto rank = static_cast<int64_t>(from[0]);
  const int64_t length = 1 + (1 + operands) * rank;
  if (array.length < length)
    rejectValue(values_[index], name, "a walk: a Float64Array of at least " + std::to_string(length));
  for (int64_t i = 0; i < length; ++i) {
    const bool isStride = i > rank;
    if (!isWhole(from[i], isStride ? -kMaxSize : 0, kMaxSize))
      reject(name, isStride ? "whole numbers as strides" : "whole numbers of at least 0 as sizes", textOf(from[i]));
    numbers[i] = static_cast<int64_t>(from[i]);
  }
}

uint32_t Call::listLength(size_t index, const char* name, const char* words) const {
  uint32_t length = 0;
  if (napi_get_array_length(env_, values_[index], &length) != napi_ok) rejectValue(values_[index], name, words);
  return length;
}

napi_value Call::element(size_t index, uint32_t position) const {
  napi_value result;
  check(napi_get_element(env_, values_[index], position, &result), "reading an array");
  return result;
}

napi_value toJs(napi_env env, double number) {
  napi_value result;
  check(napi_create_double(env, number, &result), "making a number");
  return result;
}

napi_value toJs(napi_env env, const std::string& text) {
  napi_value result;
  check(napi_create_string_utf8(env, text.data(), text.size(), &result), "making a string");
  return result;
}

napi_value toJs(napi_env env, bool flag) {
  napi_value result;
  check(napi_get_boolean(env, flag, &result), "making a boolean");
  return result;
}

napi_value toJs(napi_env env, const std::vector<uint8_t>& bytes) {
  void* data = nullptr;
  napi_value buffer, result;
  check(napi_create_arraybuffer(env, bytes.size(), &data, &buffer), "making a buffer");
  if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
  check(napi_create_typedarray(env, napi_uint8_array, bytes.size(), buffer, 0, &result), "making an array");
  return result;
}

void throwToJs(napi_env env) {
  try {
    throw;
  } catch (const ArgumentError& error) {
    napi_throw_error(env, "SCMOE_ARGUMENT", error.what());
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, "SCMOE_NATIVE", "out of memory");
  } catch (const std::exception& error) {
    napi_throw_error(env, "SCMOE_NATIVE", error.what());
  }
}

}  // namespace scmoe
