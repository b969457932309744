#include "bindings/args.h"

#include <cstring>

namespace scmoe {

namespace {

void check(napi_status status, const char* what) {
  if (status != napi_ok) throw Error(std::string("Node-API: ") + what + " failed");
}

std::string at(size_t index) { return "argument " + std::to_string(index); }

const char* nameOf(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array: return "Float32Array";
    case napi_int32_array: return "Int32Array";
    case napi_uint8_array: return "Uint8Array";
    default: return "another typed array";
  }
}

std::string textOf(napi_env env, napi_value value, size_t index) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok)
    throw Error(at(index) + ": expected a string");
  std::string result(length, '\0');
  check(napi_get_value_string_utf8(env, value, result.data(), length + 1, &length), "reading a string");
  return result;
}

}  // namespace

Args::Args(napi_env env, napi_callback_info info) : env_(env) {
  check(napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr), "reading the arguments");
  if (count_ > kMax) throw Error("too many arguments");
}

napi_value Args::value(size_t index) const {
  if (index >= count_) throw Error(at(index) + " is missing");
  return values_[index];
}

bool Args::has(size_t index) const {
  if (index >= count_) return false;
  napi_valuetype type;
  check(napi_typeof(env_, values_[index], &type), "typeof");
  return type != napi_undefined && type != napi_null;
}

void* Args::array(size_t index, napi_typedarray_type expected) const {
  if (!has(index)) return nullptr;
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_get_typedarray_info(env_, values_[index], &type, nullptr, &data, nullptr, nullptr) != napi_ok)
    throw Error(at(index) + ": expected a " + nameOf(expected));
  if (type != expected) throw Error(at(index) + ": expected a " + nameOf(expected) + ", got a " + nameOf(type));
  return data;
}

void* Args::data(size_t index) const {
  if (!has(index)) return nullptr;
  void* data = nullptr;
  check(napi_get_typedarray_info(env_, values_[index], nullptr, nullptr, &data, nullptr, nullptr), "reading an array");
  return data;
}

napi_typedarray_type Args::type(size_t index) const {
  napi_typedarray_type type;
  check(napi_get_typedarray_info(env_, value(index), &type, nullptr, nullptr, nullptr, nullptr), "reading an array");
  return type;
}

int64_t Args::length(size_t index) const {
  size_t length = 0;
  check(napi_get_typedarray_info(env_, value(index), nullptr, &length, nullptr, nullptr, nullptr), "reading an array");
  return static_cast<int64_t>(length);
}

double Args::number(size_t index) const {
  double result = 0;
  if (napi_get_value_double(env_, value(index), &result) != napi_ok) throw Error(at(index) + ": expected a number");
  return result;
}

bool Args::flag(size_t index) const {
  if (!has(index)) return false;
  bool result = false;
  if (napi_get_value_bool(env_, values_[index], &result) != napi_ok) throw Error(at(index) + ": expected a boolean");
  return result;
}

std::string Args::text(size_t index) const { return textOf(env_, value(index), index); }

std::vector<std::string> Args::texts(size_t index) const {
  uint32_t length = 0;
  if (napi_get_array_length(env_, value(index), &length) != napi_ok)
    throw Error(at(index) + ": expected an array of strings");
  std::vector<std::string> result;
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    check(napi_get_element(env_, values_[index], i, &element), "reading an array");
    result.push_back(textOf(env_, element, index));
  }
  return result;
}

std::vector<int64_t> Args::numbers(size_t index) const {
  uint32_t length = 0;
  if (napi_get_array_length(env_, value(index), &length) != napi_ok)
    throw Error(at(index) + ": expected an array of numbers");
  std::vector<int64_t> result(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    double number;
    check(napi_get_element(env_, values_[index], i, &element), "reading an array");
    if (napi_get_value_double(env_, element, &number) != napi_ok)
      throw Error(at(index) + ": expected an array of numbers");
    result[i] = static_cast<int64_t>(number);
  }
  return result;
}

std::vector<float*> Args::floatArrays(size_t index, std::vector<int64_t>* lengths) const {
  uint32_t length = 0;
  if (napi_get_array_length(env_, value(index), &length) != napi_ok)
    throw Error(at(index) + ": expected an array of Float32Array");
  std::vector<float*> result(length);
  if (lengths) lengths->resize(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    napi_typedarray_type type;
    size_t elements = 0;
    void* data = nullptr;
    check(napi_get_element(env_, values_[index], i, &element), "reading an array");
    if (napi_get_typedarray_info(env_, element, &type, &elements, &data, nullptr, nullptr) != napi_ok ||
        type != napi_float32_array)
      throw Error(at(index) + ": expected an array of Float32Array");
    result[i] = static_cast<float*>(data);
    if (lengths) (*lengths)[i] = static_cast<int64_t>(elements);
  }
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

}  // namespace scmoe
