#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.h"

namespace scmoe::tensorflow {

/// Calls set(name, bytes, size) for each of the attributes that one call brings; see signatures/tensorflow/session.ts.
template <typename Set>
void eachAttribute(const uint8_t* packed, size_t size, const Set& set) {
  size_t at = 0;
  const auto take = [&](size_t count) {
    if (size - at < count) throw ArgumentError("operation: attributes: expected whole attributes, got a part of one");
    const uint8_t* piece = packed + at;
    at += count;
    return piece;
  };
  while (at < size) {
    const size_t nameLength = *take(1);
    const std::string name(reinterpret_cast<const char*>(take(nameLength)), nameLength);
    const uint8_t* bytes = take(4);
    const size_t valueLength = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | size_t{bytes[3]} << 24;
    set(name.c_str(), take(valueLength), valueLength);
  }
}

}  // namespace scmoe::tensorflow
