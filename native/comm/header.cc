#include "comm/header.h"

#include <cstring>
#include <string>

#include "comm/error.h"

namespace scmoe::comm {

namespace {

constexpr uint32_t kMagic = 0x53634d31;  // "ScM1": layout version 1

struct Unpacked {
  Header header;
  std::vector<uint64_t> sends, receives;
};

Unpacked unpack(const std::vector<char>& bytes, int size) {
  Unpacked result{{}, std::vector<uint64_t>(size), std::vector<uint64_t>(size)};
  std::memcpy(&result.header, bytes.data(), sizeof(Header));
  std::memcpy(result.sends.data(), bytes.data() + sizeof(Header), 8 * static_cast<size_t>(size));
  std::memcpy(result.receives.data(), bytes.data() + sizeof(Header) + 8 * static_cast<size_t>(size),
              8 * static_cast<size_t>(size));
  return result;
}

Operation operationOf(const Header& header) { return static_cast<Operation>(header.operation); }

std::string describe(const Header& header) {
  return describe(operationOf(header), static_cast<DType>(header.dtype), static_cast<DType>(header.wire),
                  static_cast<Reduction>(header.reduction), header.root, header.elements);
}

/// Operations for which the counts are the ranks' own affair; for the others all bring the same number of elements.
bool isUneven(Operation operation) { return operation == Operation::kAllToAllV || operation == Operation::kAllGatherV; }

bool isSame(const Header& a, const Header& b) {
  return a.sequence == b.sequence && a.operation == b.operation && a.dtype == b.dtype && a.wire == b.wire &&
         a.reduction == b.reduction && a.root == b.root && (isUneven(operationOf(a)) || a.elements == b.elements);
}

}  // namespace

std::vector<char> packHeader(const Request& request, uint64_t sequence, int rank, int size) {
  Header header{};
  header.magic = kMagic;
  header.operation = static_cast<uint8_t>(request.operation);
  header.dtype = static_cast<uint8_t>(request.dtype);
  header.wire = static_cast<uint8_t>(request.wire);
  header.reduction = static_cast<uint8_t>(request.reduction);
  header.root = request.root;
  header.size = size;
  header.sequence = sequence;
  header.elements = request.elements;
  std::vector<uint64_t> counts(2 * static_cast<size_t>(size), 0);
  if (isUneven(request.operation)) {
    for (int peer = 0; peer < size; ++peer) {
      const bool gathers = request.operation == Operation::kAllGatherV;
      counts[peer] = gathers ? request.elements : static_cast<uint64_t>(request.sendCounts[peer]);
      counts[size + peer] = static_cast<uint64_t>(request.recvCounts[peer]);
    }
    // What a rank gives to itself is checked before; here it must not count.
    counts[rank] = counts[size + rank] = 0;
  }
  std::vector<char> bytes(headerBytes(size));
  std::memcpy(bytes.data(), &header, sizeof(Header));
  std::memcpy(bytes.data() + sizeof(Header), counts.data(), counts.size() * 8);
  return bytes;
}

void checkHeaders(const std::vector<std::vector<char>>& headers) {
  const int size = static_cast<int>(headers.size());
  std::vector<Unpacked> all;
  all.reserve(headers.size());
  for (const auto& bytes : headers) all.push_back(unpack(bytes, size));
  const Header& first = all[0].header;
  for (int rank = 0; rank < size; ++rank) {
    const Header& header = all[rank].header;
    if (header.magic != kMagic || header.size != size)
      throw CommError(FailureKind::kMismatch,
                      namesOf({rank}) + " speaks another version of this protocol: use the same release on every rank",
                      {rank});
    if (isSame(first, header)) continue;
    const bool firstLeft = operationOf(first) == Operation::kClose;
    if (firstLeft != (operationOf(header) == Operation::kClose)) {
      const int gone = firstLeft ? 0 : rank, left = firstLeft ? rank : 0;
      throw CommError(FailureKind::kLeft,
                      "rank " + std::to_string(gone) + " has left by close() while rank " + std::to_string(left) +
                          " called " + describe(firstLeft ? header : first) + " (collective " +
                          std::to_string(first.sequence) + "): its own last words say why",
                      {gone});
    }
    throw CommError(FailureKind::kMismatch,
                    "ranks disagree on collective " + std::to_string(first.sequence) + ": rank 0 called " +
                        describe(first) + ", rank " + std::to_string(rank) + " called " + describe(header),
                    {0, rank});
  }
  if (!isUneven(operationOf(first))) return;
  for (int from = 0; from < size; ++from) {
    for (int to = 0; to < size; ++to) {
      if (all[from].sends[to] == all[to].receives[from]) continue;
      throw CommError(FailureKind::kMismatch,
                      "ranks disagree on the sizes of " + std::string(nameOf(operationOf(first))) + " (collective " +
                          std::to_string(first.sequence) + "): rank " + std::to_string(from) + " sends " +
                          std::to_string(all[from].sends[to]) + " elements to rank " + std::to_string(to) +
                          ", which expects " + std::to_string(all[to].receives[from]),
                      {from, to});
    }
  }
}

}  // namespace scmoe::comm
