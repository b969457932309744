#include "comm/peers/dial_peer.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "comm/error.h"

namespace scmoe::comm {

namespace {

// Who answers at all does so at once: a listener has a thread for it. But an answer can be lost where many knock.
constexpr Milliseconds kFirstPatience{500}, kLongestPatience{8000}, kPause{20};

/// Why it is worth another try.
struct Unanswered : Error {
  using Error::Error;
};

bool mayPass(int problem) {
  return problem == ETIMEDOUT || problem == ECONNRESET || problem == ECONNABORTED || problem == EADDRNOTAVAIL ||
         problem == EPIPE || problem == EAGAIN;
}

[[noreturn]] void fail(int problem) {
  if (mayPass(problem)) throw Unanswered(std::strerror(problem));
  throw Error(std::strerror(problem));
}

Socket connectTo(const std::vector<uint8_t>& address, const Wake& wake, Deadline deadline) {
  int problem = 0;
  Socket socket = beginConnect(address, problem);
  if (problem != 0) fail(problem);
  if (!waitFor(socket.fd(), POLLOUT, wake, deadline)) throw Unanswered("no answer");
  socklen_t length = sizeof(problem);
  if (::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &problem, &length) != 0) problem = errno;
  if (problem != 0) fail(problem);
  return socket;
}

/// Not a byte more: what follows is the engine's.
std::string receive(const Socket& socket, size_t bytes, const Wake& wake, Deadline deadline) {
  std::string text(bytes, '\0');
  for (size_t have = 0; have < bytes;) {
    if (!waitFor(socket.fd(), POLLIN, wake, deadline)) throw Unanswered("no answer");
    const ssize_t n = ::recv(socket.fd(), text.data() + have, bytes - have, 0);
    if (n == 0) throw Unanswered("the connection ended before an answer");
    if (n > 0) have += static_cast<size_t>(n);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) fail(errno);
  }
  return text;
}

Socket tryOnce(const PeerIdentity& self, int peer, const std::vector<uint8_t>& address, const Wake& wake,
               Deadline patience, Deadline deadline) {
  Socket socket = connectTo(address, wake, patience);
  const auto helloNonce = readHello(receive(socket, kHelloBytes, wake, patience));
  if (!helloNonce) throw Error("what listens there is no rank of scmoe");
  const std::string nonce = makeNonce();
  const std::string claim = makeClaim(self, peer, *helloNonce, nonce);
  if (::send(socket.fd(), claim.data(), claim.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(claim.size())) fail(errno);
  // Till the end: a listener that has welcomed this rank must not meet it a second time.
  const auto verdict = readAnswer(self, peer, *helloNonce, nonce, receive(socket, kAnswerBytes, wake, deadline));
  if (!verdict) throw Error("what listens there does not know the run token");
  if (*verdict == Verdict::kWelcome) return socket;
  throw Error("it refused this rank, which " + std::string(describe(*verdict)));
}

}  // namespace

Socket dialPeer(const PeerIdentity& self, int peer, const std::vector<uint8_t>& address, const Wake& wake,
                Deadline deadline) {
  Milliseconds patience = kFirstPatience;
  for (;;) {
    std::string reason;
    try {
      return tryOnce(self, peer, address, wake, std::min(deadline, Clock::now() + patience), deadline);
    } catch (const CommError&) {
      throw;
    } catch (const Unanswered& unanswered) {
      reason = unanswered.what();
    } catch (const Error& error) {
      throw CommError(FailureKind::kConnection, error.what(), {peer});
    }
    if (Clock::now() + kPause >= deadline) throw CommError(FailureKind::kTimeout, reason, {peer});
    waitFor(-1, 0, wake, Clock::now() + kPause);
    patience = std::min(2 * patience, kLongestPatience);
  }
}

}  // namespace scmoe::comm
