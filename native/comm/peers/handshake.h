#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "comm/peers/sha256.h"

namespace scmoe::comm {

/// A rank of a group, and the secret of the run by which ranks know each other.
struct PeerIdentity {
  std::string token;
  std::string group;
  int rank = 0;
  int size = 1;
};

/// What two ranks say to each other on a new connection, before a byte of the run. The token never travels; each side
/// shows by a HMAC over both sides' random numbers that it has it, so that nothing that was overheard serves again.
///
///   hello   listener   magic, its nonce
///   claim   dialler    magic, the ranks of both, size, digest of the group, its nonce, proof
///   answer  listener   verdict, proof
constexpr size_t kHelloBytes = 8 + 32;
constexpr size_t kClaimBytes = 8 + 3 * 4 + 32 + 32 + 32;
constexpr size_t kAnswerBytes = 1 + 32;

enum class Verdict : uint8_t { kWelcome = 0, kOtherGroup = 1, kOtherToken = 2, kAlreadyHere = 3 };

/// What a refused rank has done: `presented another run token`.
const char* describe(Verdict verdict);

/// 32 random bytes. @throws Error where the system gives none
std::string makeNonce();

std::string makeHello(const std::string& nonce);
/// @returns the listener's nonce, or nothing where `bytes` are no hello
std::optional<std::string> readHello(const std::string& bytes);

/// Whether this may become a claim, however short it still is.
bool startsLikeClaim(const std::string& bytes);
std::string makeClaim(const PeerIdentity& self, int peer, const std::string& helloNonce, const std::string& nonce);

/// What a listener makes of a claim.
struct Judgement {
  Verdict verdict = Verdict::kOtherGroup;
  int rank = -1;       // whom the dialler claims to be; to be believed of a welcome alone
  int size = 0;        // of which group
  std::string answer;  // to send
};
Judgement judgeClaim(const PeerIdentity& self, const std::string& helloNonce, const std::string& claim);
/// The answer of a listener that has this rank's connection already.
std::string makeRefusal(Verdict verdict);

/// What a dialler makes of the answer; nothing where it doesn't come from who knows the token.
std::optional<Verdict> readAnswer(const PeerIdentity& self, int peer, const std::string& helloNonce,
                                  const std::string& nonce, const std::string& answer);

}  // namespace scmoe::comm
