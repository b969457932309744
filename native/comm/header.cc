#include "comm/header.h"

#include <string>

#include "comm/error.h"

namespace scmoe::comm {

namespace {

constexpr uint32_t kMagic = 0x53634d31;  // "ScM1": layout version 1

std::string describe(const Header& header) {
  return describe(static_cast<Operation>(header.operation), static_cast<DType>(header.dtype),
                  static_cast<DType>(header.wire), static_cast<Reduction>(header.reduction), header.root,
                  header.elements);
}

bool sameOperation(const Header& a, const Header& b) {
  return a.sequence == b.sequence && a.operation == b.operation && a.dtype == b.dtype && a.wire == b.wire &&
         a.reduction == b.reduction && a.root == b.root;
}

/// Operations for which every rank must bring the same number of elements; the others fit by their counts.
bool needsEqualElements(const Header& header) {
  const auto operation = static_cast<Operation>(header.operation);
  return operation != Operation::kAllToAllV && operation != Operation::kAllGatherV;
}

void checkCount(int from, int to, uint64_t sends, uint64_t expects, uint64_t sequence, const Header& header) {
  if (sends == expects) return;
  throw CommError(FailureKind::kMismatch,
                  "ranks disagree on the sizes of " + std::string(nameOf(static_cast<Operation>(header.operation))) +
                      " (collective " + std::to_string(sequence) + "): rank " + std::to_string(from) + " sends " +
                      std::to_string(sends) + " elements to rank " + std::to_string(to) + ", which expects " +
                      std::to_string(expects),
                  {from, to});
}

}  // namespace

Header headerFor(const Request& request, uint64_t sequence, int rank, int peer) {
  Header header{};
  header.magic = kMagic;
  header.operation = static_cast<uint8_t>(request.operation);
  header.dtype = static_cast<uint8_t>(request.dtype);
  header.wire = static_cast<uint8_t>(request.wire);
  header.reduction = static_cast<uint8_t>(request.reduction);
  header.root = request.root;
  header.rank = rank;
  header.sequence = sequence;
  header.elements = request.elements;
  if (request.operation == Operation::kAllToAllV) {
    header.sends = static_cast<uint64_t>(request.sendCounts[peer]);
    header.receives = static_cast<uint64_t>(request.recvCounts[peer]);
  } else if (request.operation == Operation::kAllGatherV) {
    header.sends = request.elements;
    header.receives = static_cast<uint64_t>(request.recvCounts[peer]);
  }
  return header;
}

void checkHeader(const Header& mine, const Header& theirs) {
  if (theirs.magic != mine.magic)
    throw CommError(FailureKind::kMismatch, "a rank runs another version of this package: its header is not ours");
  if (!sameOperation(mine, theirs) || (needsEqualElements(mine) && mine.elements != theirs.elements)) {
    // In the order of the ranks, so that all of them print the same sentence.
    const Header& first = mine.rank < theirs.rank ? mine : theirs;
    const Header& second = mine.rank < theirs.rank ? theirs : mine;
    throw CommError(FailureKind::kMismatch,
                    "ranks disagree on collective " + std::to_string(mine.sequence) + ": rank " +
                        std::to_string(first.rank) + " called " + describe(first) + ", rank " +
                        std::to_string(second.rank) + " called " + describe(second),
                    {first.rank, second.rank});
  }
  checkCount(mine.rank, theirs.rank, mine.sends, theirs.receives, mine.sequence, mine);
  checkCount(theirs.rank, mine.rank, theirs.sends, mine.receives, mine.sequence, mine);
}

}  // namespace scmoe::comm
