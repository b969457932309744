#include "tensorflow/describe.h"

#include <limits>

namespace scmoe::tensorflow {

namespace {

const char* nameOf(int dtype) {
  switch (dtype) {
    case 1: return "float32";
    case 2: return "float64";
    case 3: return "int32";
    case 4: return "uint8";
    case 6: return "int8";
    case 7: return "string";
    case 8: return "complex64";
    case 9: return "int64";
    case 10: return "bool";
    case 14: return "bfloat16";
    case 19: return "float16";
    case 20: return "resource";
    default: return nullptr;
  }
}

}  // namespace

std::string textOf(const Description& description) {
  const char* name = nameOf(description.dtype);
  std::string text = (name ? name : "type " + std::to_string(description.dtype)) + "[";
  if (!description.hasRank) return text + "?]";
  for (size_t i = 0; i < description.dims.size(); ++i)
    text += (i ? "," : "") + (description.dims[i] < 0 ? "?" : std::to_string(description.dims[i]));
  return text + "]";
}

void Results::add(int64_t number) {
  if (used_ == capacity_) throw Error("there is no room for the description of so many outputs");
  if (number > std::numeric_limits<int32_t>::max())
    throw Error("a size of " + std::to_string(number) + " is too large");
  data_[used_++] = static_cast<int32_t>(number);
}

void Results::add(int32_t id, const Description& description) {
  add(id);
  add(description.dtype);
  add(description.hasRank ? static_cast<int64_t>(description.dims.size()) : -1);
  for (int64_t size : description.dims) add(size);
}

}  // namespace scmoe::tensorflow
