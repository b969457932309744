#include "comm/peers/handshake.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/error.h"

namespace scmoe::comm {

namespace {

constexpr size_t kNonceBytes = 32;
const std::string kMagic = "ScMoEp1\n";

std::string textOf(const Digest& digest) { return {digest.begin(), digest.end()}; }

Digest digestAt(const std::string& bytes, size_t at) {
  Digest digest;
  std::memcpy(digest.data(), bytes.data() + at, digest.size());
  return digest;
}

std::string packed(int32_t value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

int32_t unpacked(const std::string& bytes, size_t at) {
  int32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

/// Each side's proof names that side, the group and both ranks: none fits another connection.
Digest proof(const char* side, const PeerIdentity& self, int dialler, int listener, const std::string& helloNonce,
             const std::string& nonce) {
  return hmacSha256(self.token, kMagic + side + packed(dialler) + packed(listener) + packed(self.size) + helloNonce +
                                    nonce + self.group);
}

}  // namespace

const char* describe(Verdict verdict) {
  switch (verdict) {
    case Verdict::kWelcome: return "was welcome";
    case Verdict::kOtherGroup: return "belongs to another group of ranks";
    case Verdict::kOtherToken: return "presented another run token";
    case Verdict::kAlreadyHere: return "was connected already";
  }
  return "gave an unknown answer";
}

std::string makeNonce() {
  std::string nonce(kNonceBytes, '\0');
  for (size_t have = 0; have < nonce.size();) {
    const ssize_t n = ::getrandom(nonce.data() + have, nonce.size() - have, 0);
    if (n > 0) have += static_cast<size_t>(n);
    if (n < 0 && errno != EINTR) throw Error(std::string("getrandom: ") + std::strerror(errno));
  }
  return nonce;
}

std::string makeHello(const std::string& nonce) { return kMagic + nonce; }

std::optional<std::string> readHello(const std::string& bytes) {
  if (bytes.size() != kHelloBytes || bytes.compare(0, kMagic.size(), kMagic) != 0) return std::nullopt;
  return bytes.substr(kMagic.size());
}

bool startsLikeClaim(const std::string& bytes) {
  const size_t length = std::min(bytes.size(), kMagic.size());
  return bytes.compare(0, length, kMagic, 0, length) == 0;
}

std::string makeClaim(const PeerIdentity& self, int peer, const std::string& helloNonce, const std::string& nonce) {
  return kMagic + packed(self.rank) + packed(peer) + packed(self.size) + textOf(sha256(self.group)) + nonce +
         textOf(proof("dialler", self, self.rank, peer, helloNonce, nonce));
}

Judgement judgeClaim(const PeerIdentity& self, const std::string& helloNonce, const std::string& claim) {
  Judgement result;
  if (claim.size() != kClaimBytes || !startsLikeClaim(claim)) {
    result.answer = makeRefusal(result.verdict);
    return result;
  }
  const size_t ranks = kMagic.size(), group = ranks + 12, nonceAt = group + 32;
  result.rank = unpacked(claim, ranks);
  result.size = unpacked(claim, ranks + 8);
  const std::string nonce = claim.substr(nonceAt, kNonceBytes);
  const int wanted = unpacked(claim, ranks + 4);
  const bool sameGroup = result.size == self.size && claim.compare(group, 32, textOf(sha256(self.group))) == 0;
  const bool proven = isSameDigest(digestAt(claim, nonceAt + kNonceBytes),
                                   proof("dialler", self, result.rank, wanted, helloNonce, nonce));
  const bool fits = wanted == self.rank && result.rank >= 0 && result.rank < self.size && result.rank != self.rank;
  // Whoever is of another group gives a proof that is none here, whatever its token.
  if (!sameGroup || (proven && !fits))
    result.verdict = Verdict::kOtherGroup;
  else
    result.verdict = proven ? Verdict::kWelcome : Verdict::kOtherToken;
  result.answer = result.verdict == Verdict::kWelcome
                      ? std::string(1, static_cast<char>(Verdict::kWelcome)) +
                            textOf(proof("listener", self, result.rank, self.rank, helloNonce, nonce))
                      : makeRefusal(result.verdict);
  return result;
}

std::string makeRefusal(Verdict verdict) {
  return std::string(1, static_cast<char>(verdict)) + std::string(sizeof(Digest), '\0');
}

std::optional<Verdict> readAnswer(const PeerIdentity& self, int peer, const std::string& helloNonce,
                                  const std::string& nonce, const std::string& answer) {
  if (answer.size() != kAnswerBytes) return std::nullopt;
  const auto verdict = static_cast<Verdict>(answer[0]);
  if (verdict != Verdict::kWelcome) return verdict;
  const bool knows = isSameDigest(digestAt(answer, 1), proof("listener", self, self.rank, peer, helloNonce, nonce));
  return knows ? std::optional(verdict) : std::nullopt;
}

}  // namespace scmoe::comm
