#include <poll.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <thread>

#include "comm/error.h"
#include "comm/peers/dial_peer.h"
#include "comm/peers/peer_listener.h"
#include "test/check.h"

using namespace scmoe::comm;

namespace {

const PeerIdentity kHost{"token", "world", 0, 3};
const PeerIdentity kCaller{"token", "world", 1, 3};

Deadline in(int ms) { return Clock::now() + Milliseconds(ms); }

std::string hex(const Digest& digest) {
  std::string text;
  char two[3];
  for (uint8_t byte : digest) {
    std::snprintf(two, sizeof(two), "%02x", byte);
    text += two;
  }
  return text;
}

Socket knock(const PeerListener& listener) {
  const Wake wake;
  int problem = 0;
  Socket socket = beginConnect(listener.address(), problem);
  CHECK(problem == 0 && waitFor(socket.fd(), POLLOUT, wake, in(10000)));
  return socket;
}

void say(const Socket& socket, const std::string& text) {
  CHECK(::send(socket.fd(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

/// All that comes until the other side ends the connection.
std::string hear(const Socket& socket) {
  const Wake wake;
  std::string text;
  char buffer[4096];
  for (;;) {
    CHECK(waitFor(socket.fd(), POLLIN, wake, in(20000)));
    const ssize_t n = ::recv(socket.fd(), buffer, sizeof(buffer), 0);
    if (n <= 0) return text;
    text.append(buffer, static_cast<size_t>(n));
  }
}

std::string failureOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const CommError& error) {
    return error.what();
  }
  return "no failure";
}

/// The caller's end and the host's of one connection that both have agreed on.
void expectConnected(PeerListener& listener, const PeerIdentity& caller) {
  const Wake wake;
  const Socket mine = dialPeer(caller, kHost.rank, listener.address(), wake, in(20000));
  const Socket theirs = listener.take(caller.rank, in(20000));
  say(mine, "ping");
  char buffer[8];
  CHECK(waitFor(theirs.fd(), POLLIN, wake, in(10000)));
  CHECK(::recv(theirs.fd(), buffer, sizeof(buffer), 0) == 4);
}

}  // namespace

TEST(sha_256_gives_the_digests_of_its_standard) {
  CHECK(hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex(sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex(sha256(std::string(1000000, 'a'))) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(hmac_gives_the_digests_of_rfc_4231) {
  CHECK(hex(hmacSha256(std::string(20, '\x0b'), "Hi There")) ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex(hmacSha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hex(hmacSha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(a_rank_with_the_token_comes_through_on_ipv4_on_ipv6_and_by_name) {
  for (const char* host : {"127.0.0.1", "::1", "localhost"}) {
    PeerListener listener(kHost, host);
    expectConnected(listener, kCaller);
  }
}

TEST(strangers_of_every_kind_are_turned_away_and_keep_no_rank_out) {
  PeerListener listener(kHost, "127.0.0.1");
  const std::string lines[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", std::string(100000, 'x'), std::string(1, '\0')};
  for (const std::string& line : lines) {
    const Socket guest = knock(listener);
    [[maybe_unused]] const ssize_t sent = ::send(guest.fd(), line.data(), line.size(), MSG_NOSIGNAL);
    CHECK(hear(guest).size() <= kHelloBytes);  // not a byte of an answer
  }
  // A claim whose every byte but the proof is right, and one that stops in the middle.
  for (size_t bytes : {kClaimBytes, kClaimBytes - 1}) {
    const Socket guest = knock(listener);
    std::string claim = makeClaim(kCaller, 0, std::string(32, 'n'), makeNonce()).substr(0, bytes);
    say(guest, claim);
    ::shutdown(guest.fd(), SHUT_WR);
    CHECK(hear(guest).size() <= kHelloBytes + kAnswerBytes);
  }
  expectConnected(listener, kCaller);
}

TEST(a_thousand_connections_that_are_held_open_keep_no_rank_out) {
  PeerListener listener(kHost, "127.0.0.1");
  std::vector<Socket> held;
  for (int i = 0; i < 1000; ++i) {
    held.push_back(knock(listener));
    if (i % 2 == 0) say(held.back(), "S");  // half open: the first byte of a claim
  }
  expectConnected(listener, kCaller);
}

TEST(another_token_is_refused_at_once_on_both_sides) {
  PeerListener listener(kHost, "127.0.0.1");
  const Wake wake;
  PeerIdentity wrong = kCaller;
  wrong.token = "guess";
  CHECK(failureOf([&] { dialPeer(wrong, 0, listener.address(), wake, in(60000)); }) ==
        "it refused this rank, which presented another run token");
  const std::string missing = failureOf([&] { listener.take(1, in(50)); });
  CHECK(missing.find("it did not connect in time (1 connection was turned away meanwhile, from 127.0.0.1:") == 0);
  CHECK(missing.find("which called itself rank 1 of 3 and presented another run token)") != std::string::npos);
}

TEST(a_rank_of_another_group_or_another_number_is_refused) {
  PeerListener listener(kHost, "127.0.0.1");
  const Wake wake;
  PeerIdentity other = kCaller;
  other.group = "world/1.1";
  const std::string refused = "it refused this rank, which belongs to another group of ranks";
  CHECK(failureOf([&] { dialPeer(other, 0, listener.address(), wake, in(60000)); }) == refused);
  other = kCaller;
  other.size = 4;
  CHECK(failureOf([&] { dialPeer(other, 0, listener.address(), wake, in(60000)); }) == refused);
  CHECK(failureOf([&] { dialPeer(kCaller, 2, listener.address(), wake, in(60000)); }) == refused);
  // Nobody may be rank 0 here but rank 0 itself, or a rank that isn't.
  for (int rank : {0, 3, -1}) {
    other = kCaller;
    other.rank = rank;
    CHECK(failureOf([&] { dialPeer(other, 0, listener.address(), wake, in(60000)); }) == refused);
  }
}

TEST(a_rank_that_is_connected_is_not_replaced) {
  PeerListener listener(kHost, "127.0.0.1");
  expectConnected(listener, kCaller);
  const Wake wake;
  CHECK(failureOf([&] { dialPeer(kCaller, 0, listener.address(), wake, in(60000)); }) ==
        "it refused this rank, which was connected already");
}

TEST(a_listener_that_does_not_know_the_token_is_noticed) {
  const PeerIdentity thief{"guess", "world", 0, 3};
  const Wake wake;
  const Socket listening = listenAt("127.0.0.1");
  std::thread other([&] {
    CHECK(waitFor(listening.fd(), POLLIN, wake, in(20000)));
    const Socket guest(::accept(listening.fd(), nullptr, nullptr));
    const std::string nonce = makeNonce();
    say(guest, makeHello(nonce));
    // It can't make the proof, so that it sends what it has: a welcome with another one's.
    std::string answer = makeRefusal(Verdict::kWelcome);
    say(guest, answer);
  });
  const std::string failure = failureOf([&] { dialPeer(kCaller, 0, addressOf(listening), wake, in(60000)); });
  other.join();
  CHECK(failure == "what listens there does not know the run token");
}

TEST(what_was_overheard_serves_nobody_again) {
  const std::string first = makeNonce(), second = makeNonce(), nonce = makeNonce();
  const std::string claim = makeClaim(kCaller, 0, first, nonce);
  CHECK(judgeClaim(kHost, first, claim).verdict == Verdict::kWelcome);
  CHECK(judgeClaim(kHost, second, claim).verdict == Verdict::kOtherToken);
  const std::string answer = judgeClaim(kHost, first, claim).answer;
  CHECK(readAnswer(kCaller, 0, first, nonce, answer) == Verdict::kWelcome);
  CHECK(!readAnswer(kCaller, 0, second, nonce, answer));
  CHECK(claim.find(kCaller.token) == std::string::npos);
  // Every byte counts.
  for (size_t at = 0; at < claim.size(); ++at) {
    std::string damaged = claim;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    CHECK(judgeClaim(kHost, first, damaged).verdict != Verdict::kWelcome);
  }
}

TEST(a_listener_that_answers_nobody_is_dialled_until_time_is_up) {
  const Socket silent = listenAt("127.0.0.1");
  const Wake wake;
  CHECK(failureOf([&] { dialPeer(kCaller, 0, addressOf(silent), wake, in(100)); }) == "no answer");
}
