#pragma once
#include <cstdint>
#include <string>

#include "core/error.h"

namespace scmoe::tensorflow {

/// An operation by name and what it is given; points into the arrays of a call.
struct OperationCall {
  std::string operation;
  const uint8_t* attributes;
  int64_t numAttributeBytes;
  const int32_t* inputs;
  int64_t numInputs;
  const int32_t* groups;
  int64_t numGroups;
};

/// Calls one(first) for each argument that is one tensor, list(first, count) for each that is a list.
template <typename One, typename List>
void eachArgument(const OperationCall& call, const One& one, const List& list) {
  int64_t at = 0;
  for (int64_t g = 0; g < call.numGroups; ++g) {
    const int64_t count = call.groups[g] < 0 ? 1 : call.groups[g];
    if (call.numInputs - at < count)
      throw ArgumentError("operation: groups: expected those of " + std::to_string(call.numInputs) +
                          " inputs, got more");
    if (call.groups[g] < 0)
      one(at);
    else
      list(at, static_cast<int>(count));
    at += count;
  }
}

}  // namespace scmoe::tensorflow
