#pragma once
#include <cstdint>

#include "comm/request.h"

namespace scmoe::comm {

/// What a rank tells another one before the data of a collective: enough to know that both mean the same. It comes
/// before any receive is posted, for a receive that does not fit its send would end the process inside Gloo.
struct Header {
  uint32_t magic;
  uint8_t operation;
  uint8_t dtype;
  uint8_t wire;
  uint8_t reduction;
  int32_t root;
  int32_t rank;
  uint64_t sequence;
  uint64_t elements;
  uint64_t sends;     // elements that the sender of this header will send to its reader
  uint64_t receives;  // elements that it expects from its reader
};
static_assert(sizeof(Header) == 48, "ranks of one build exchange this as bytes");

/// The header of `request` for `peer`.
Header headerFor(const Request& request, uint64_t sequence, int rank, int peer);

/// @throws CommError (mismatch), with both sides in the message, where the two can't be the same collective.
void checkHeader(const Header& mine, const Header& theirs);

}  // namespace scmoe::comm
