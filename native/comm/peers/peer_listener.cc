#include "comm/peers/peer_listener.h"

#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "comm/error.h"

namespace scmoe::comm {

namespace {

// A rank that is slower than that is closed like a stranger, and dials again.
constexpr Milliseconds kPatience{5000};
constexpr size_t kMostGuests = 256;
// Between two looks at what guests have said, so that a rush of strangers delays no rank that is half in.
constexpr int kAcceptsAtOnce = 64;
// Where the process has no file descriptor left.
constexpr Milliseconds kPause{10};

}  // namespace

PeerListener::PeerListener(PeerIdentity self, const std::string& host)
    : self_(std::move(self)), listening_(listenAt(host)), thread_([this] { run(); }) {}

PeerListener::~PeerListener() {
  stop_.set();
  thread_.join();
}

Socket PeerListener::take(int peer, Deadline deadline) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_until(lock, deadline, [&] { return aborted_ || arrived_.count(peer) > 0; });
  if (aborted_) throw CommError(FailureKind::kAborted, "connecting was aborted");
  if (arrived_.count(peer) == 0)
    throw CommError(FailureKind::kTimeout, "it did not connect in time" + strangers(), {peer});
  return std::move(arrived_[peer]);
}

void PeerListener::abort() noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  aborted_ = true;
  changed_.notify_all();
}

/// What those who were turned away may have to do with a rank that is missing.
std::string PeerListener::strangers() const {
  if (turnedAway_ == 0) return "";
  const bool one = turnedAway_ == 1;
  return " (" + std::to_string(turnedAway_) + (one ? " connection was" : " connections were") +
         " turned away meanwhile, " + (one ? "from " : "the last from ") + lastTurnedAway_ + ")";
}

void PeerListener::turnAway(const std::string& from, const std::string& why) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++turnedAway_;
  lastTurnedAway_ = from + ", which " + why;
}

void PeerListener::run() {
  std::vector<pollfd> waiting;
  for (;;) {
    waiting.assign({{stop_.fd(), POLLIN, 0}, {listening_.fd(), POLLIN, 0}});
    for (const Guest& guest : guests_) waiting.push_back({guest.socket.fd(), POLLIN, 0});
    int patienceMs = -1;
    // All have the same patience: the oldest guest's ends first.
    if (!guests_.empty()) {
      const auto left = std::chrono::duration_cast<Milliseconds>(guests_.front().until - Clock::now()).count();
      patienceMs = static_cast<int>(std::max<int64_t>(left + 1, 0));
    }
    if (::poll(waiting.data(), waiting.size(), patienceMs) < 0) continue;  // a signal
    if (waiting[0].revents != 0) return;
    size_t i = 2;
    for (auto guest = guests_.begin(); guest != guests_.end(); ++i)
      guest = waiting[i].revents != 0 && !serve(*guest) ? guests_.erase(guest) : std::next(guest);
    while (!guests_.empty() && Clock::now() >= guests_.front().until) {
      turnAway(guests_.front().from, "said too little for too long");
      guests_.pop_front();
    }
    if (waiting[1].revents != 0) accept();
  }
}

void PeerListener::accept() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    auto* from = reinterpret_cast<sockaddr*>(&address);
    Socket socket(::accept4(listening_.fd(), from, &length, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      const bool exhausted = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
      if (!exhausted) return;  // nobody is left in the queue, or who was has gone
      if (!guests_.empty()) {
        turnAway(guests_.front().from, "said nothing while file descriptors ran out");
        guests_.pop_front();
        continue;
      }
      pollfd waiting{stop_.fd(), POLLIN, 0};
      ::poll(&waiting, 1, static_cast<int>(kPause.count()));
      return;
    }
    if (guests_.size() >= kMostGuests) {
      turnAway(guests_.front().from, "was the oldest of too many that had said nothing");
      guests_.pop_front();
    }
    const std::string nonce = makeNonce();
    const std::string hello = makeHello(nonce);
    // A new connection's buffer takes it whole, or the other side is gone.
    if (::send(socket.fd(), hello.data(), hello.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(hello.size())) continue;
    guests_.push_back({std::move(socket), endpointOf(from, length), nonce, "", Clock::now() + kPatience});
  }
}

/// Reads what there is. @returns whether the guest stays one.
bool PeerListener::serve(Guest& guest) {
  char buffer[kClaimBytes];
  const ssize_t n = ::recv(guest.socket.fd(), buffer, kClaimBytes - guest.said.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return true;
  if (n <= 0) {
    turnAway(guest.from, guest.said.empty() ? "said nothing" : "ended in the middle of a word");
    return false;
  }
  guest.said.append(buffer, static_cast<size_t>(n));
  if (!startsLikeClaim(guest.said)) {
    turnAway(guest.from, "is no rank of scmoe");
    return false;
  }
  if (guest.said.size() < kClaimBytes) return true;
  admit(guest);
  return false;
}

void PeerListener::admit(Guest& guest) {
  Judgement judgement = judgeClaim(self_, guest.nonce, guest.said);
  std::unique_lock<std::mutex> lock(mutex_);
  if (judgement.verdict == Verdict::kWelcome) {
    // A connection that was never taken may be one that its rank has given up: the newer one counts.
    const auto earlier = arrived_.find(judgement.rank);
    if (earlier != arrived_.end() && !earlier->second) {
      judgement.verdict = Verdict::kAlreadyHere;
      judgement.answer = makeRefusal(judgement.verdict);
    }
  }
  const bool sent = ::send(guest.socket.fd(), judgement.answer.data(), judgement.answer.size(), MSG_NOSIGNAL) ==
                    static_cast<ssize_t>(judgement.answer.size());
  if (judgement.verdict == Verdict::kWelcome) {
    if (!sent) return;
    arrived_[judgement.rank] = std::move(guest.socket);
    changed_.notify_all();
    return;
  }
  lock.unlock();
  turnAway(guest.from, "called itself rank " + std::to_string(judgement.rank) + " of " +
                           std::to_string(judgement.size) + " and " + describe(judgement.verdict));
}

}  // namespace scmoe::comm
