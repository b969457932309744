#pragma once
#include <cstdint>
#include <vector>

#include "comm/request.h"

namespace scmoe::comm {

/// What every rank tells every other one before the data of a collective: enough to know that all mean the same. It
/// comes before any receive is posted, for a receive that does not fit its send would end the process inside Gloo.
struct Header {
  uint32_t magic;
  uint8_t operation;
  uint8_t dtype;
  uint8_t wire;
  uint8_t reduction;
  int32_t root;
  int32_t size;  // of the group
  uint64_t sequence;
  uint64_t elements;
};
static_assert(sizeof(Header) == 32, "ranks of one build exchange this as bytes");

/// A header, then what the rank sends to each rank and what it expects from each, in elements: all ranks see all
/// counts, so that all of them notice a disagreement between two.
constexpr size_t headerBytes(int size) { return sizeof(Header) + 2 * sizeof(uint64_t) * static_cast<size_t>(size); }

std::vector<char> packHeader(const Request& request, uint64_t sequence, int rank, int size);

/// @param headers one of each rank, packed. @throws CommError (mismatch, or left where one closes) with both sides in the
/// message; every rank that checks the same headers throws the same.
void checkHeaders(const std::vector<std::vector<char>>& headers);

}  // namespace scmoe::comm
