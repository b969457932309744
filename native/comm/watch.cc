#include "comm/watch.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "comm/error.h"

namespace scmoe::comm {

namespace {

constexpr Milliseconds kPingEvery{1000};
constexpr size_t kLongestLine = 65536;
constexpr size_t kLongestText = 3000;  // the server takes lines of 4 KiB

int remainingMs(Deadline deadline) {
  const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left > 3600000 ? 3600000 : left);
}

/// A line holds no line breaks, whatever a message holds.
std::string oneLine(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text.substr(0, kLongestText);
}

int connectTo(const addrinfo& address, Deadline deadline, std::string& reason) {
  const int fd = ::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol);
  if (fd < 0) {
    reason = std::strerror(errno);
    return -1;
  }
  int problem = ::connect(fd, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  if (problem == EINPROGRESS) {
    pollfd waiting{fd, POLLOUT, 0};
    if (::poll(&waiting, 1, remainingMs(deadline)) == 1) {
      socklen_t length = sizeof(problem);
      ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &length);
    } else {
      problem = ETIMEDOUT;
    }
  }
  if (problem == 0) return fd;
  reason = std::strerror(problem);
  ::close(fd);
  return -1;
}

}  // namespace

Watch::Watch(WatchOptions options, Listener listener) : options_(std::move(options)), listener_(std::move(listener)) {
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) throw Error(std::string("eventfd: ") + std::strerror(errno));
}

Watch::~Watch() {
  stop();
  if (socket_ >= 0) ::close(socket_);
  ::close(wake_);
}

void Watch::connect(Deadline deadline) {
  const std::string server = options_.host + ":" + std::to_string(options_.port);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(options_.host.c_str(), std::to_string(options_.port).c_str(), &hints, &found);
  if (status != 0)
    throw CommError(FailureKind::kConnection,
                    "the rendezvous server " + server + " has no address: " + gai_strerror(status));
  std::string reason = "no address";
  for (const addrinfo* address = found; address && socket_ < 0; address = address->ai_next)
    socket_ = connectTo(*address, deadline, reason);
  ::freeaddrinfo(found);
  if (socket_ < 0)
    throw CommError(FailureKind::kConnection, "no connection to the rendezvous server " + server + ": " + reason);
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

  send("scmoe-watch 1 " + options_.token + " " + options_.group + " " + std::to_string(options_.rank) + " " +
       std::to_string(options_.size) + "\n");
  while (pending_.find('\n') == std::string::npos) {
    pollfd waiting{socket_, POLLIN, 0};
    if (::poll(&waiting, 1, remainingMs(deadline)) <= 0 || !receive(pending_))
      throw CommError(FailureKind::kConnection, "the rendezvous server " + server + " did not answer");
  }
  const size_t end = pending_.find('\n');
  const std::string answer = pending_.substr(0, end);
  pending_.erase(0, end + 1);
  if (answer != "ok")
    throw CommError(FailureKind::kConnection, "the rendezvous server " + server + " refused this rank: " + answer);
  thread_ = std::thread([this] { run(); });
}

void Watch::sendAbort(const std::string& text) noexcept { send("abort " + oneLine(text) + "\n"); }

void Watch::bye() noexcept {
  stopping_ = true;
  send("bye\n");
  stop();
  if (socket_ < 0) return;
  // Closing a socket with unread lines in it resets the connection, and the bye might be lost with it.
  ::shutdown(socket_, SHUT_WR);
  const Deadline deadline = Clock::now() + Milliseconds(200);
  pollfd waiting{socket_, POLLIN, 0};
  for (std::string ignored; ::poll(&waiting, 1, remainingMs(deadline)) == 1 && receive(ignored); ignored.clear()) {
  }
}

void Watch::stop() noexcept {
  stopping_ = true;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_, &one, sizeof(one));
  if (thread_.joinable()) thread_.join();
}

/// Lines are short and the socket's buffer is empty but for them: what does not fit at once is for a dead server.
void Watch::send(const std::string& text) noexcept {
  std::lock_guard<std::mutex> lock(sendMutex_);
  if (socket_ < 0) return;
  size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t n = ::send(socket_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    pollfd waiting{socket_, POLLOUT, 0};
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && ::poll(&waiting, 1, 500) == 1) continue;
    return;
  }
}

/// @returns false where the connection has ended.
bool Watch::receive(std::string& pending) {
  char buffer[4096];
  const ssize_t n = ::recv(socket_, buffer, sizeof(buffer), 0);
  if (n > 0) pending.append(buffer, static_cast<size_t>(n));
  return n > 0 ? pending.size() <= kLongestLine : n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

bool Watch::handleLine(const std::string& line) {
  for (const auto& [word, event] : {std::pair{"dead ", Event::kDead}, std::pair{"abort ", Event::kAbort}}) {
    const size_t length = std::strlen(word);
    if (line.compare(0, length, word) != 0) continue;
    char* rest = nullptr;
    const long rank = std::strtol(line.c_str() + length, &rest, 10);
    if (!stopping_) listener_(event, static_cast<int>(rank), *rest == ' ' ? rest + 1 : rest);
    return true;
  }
  return line == "ping" || line == "ok";
}

void Watch::run() {
  auto lastHeard = Clock::now();
  auto nextPing = Clock::now();
  const std::string server = "the rendezvous server " + options_.host + ":" + std::to_string(options_.port);
  std::string lost;
  while (!stopping_ && lost.empty()) {
    if (Clock::now() >= nextPing) {
      send("ping\n");
      nextPing = Clock::now() + kPingEvery;
    }
    pollfd waiting[2] = {{socket_, POLLIN, 0}, {wake_, POLLIN, 0}};
    ::poll(waiting, 2, remainingMs(nextPing));
    if (waiting[0].revents != 0) {
      const bool open = receive(pending_);
      lastHeard = Clock::now();
      for (size_t end = pending_.find('\n'); end != std::string::npos; end = pending_.find('\n')) {
        const std::string line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        if (!handleLine(line)) lost = server + " said something unexpected: " + line.substr(0, 200);
      }
      if (!open && lost.empty()) lost = "the connection to " + server + " has ended";
    } else if (Clock::now() - lastHeard > options_.silence) {
      lost = server + " gave no sign of life for " + std::to_string(options_.silence.count()) + " ms";
    }
  }
  if (!stopping_) listener_(Event::kServerLost, -1, lost);
}

}  // namespace scmoe::comm
