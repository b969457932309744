#include "comm/peers/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "comm/error.h"

namespace scmoe::comm {

namespace {

sockaddr_storage parse(const std::vector<uint8_t>& bytes) {
  sockaddr_storage address{};
  if (bytes.size() == sizeof(sockaddr_in) || bytes.size() == sizeof(sockaddr_in6)) {
    std::memcpy(&address, bytes.data(), bytes.size());
    const size_t expected = address.ss_family == AF_INET    ? sizeof(sockaddr_in)
                            : address.ss_family == AF_INET6 ? sizeof(sockaddr_in6)
                                                            : 0;
    if (bytes.size() == expected) return address;
  }
  throw Error("its address is malformed");
}

Socket bindTo(const addrinfo& address, int& problem) {
  Socket socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // As long as the kernel allows: what it can't queue waits a second for its next attempt.
  if (socket && ::bind(socket.fd(), address.ai_addr, address.ai_addrlen) == 0 && ::listen(socket.fd(), SOMAXCONN) == 0)
    return socket;
  problem = errno;
  return {};
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

int Socket::release() noexcept { return std::exchange(fd_, -1); }

void Socket::close() noexcept {
  if (fd_ >= 0) ::close(release());
}

Wake::Wake() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw Error(std::string("eventfd: ") + std::strerror(errno));
}

Wake::~Wake() { ::close(fd_); }

void Wake::set() noexcept {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof(one));
}

bool Wake::isSet() const {
  pollfd waiting{fd_, POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

bool waitFor(int fd, short events, const Wake& wake, Deadline deadline) {
  for (;;) {
    pollfd waiting[2] = {{wake.fd(), POLLIN, 0}, {fd, events, 0}};
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now()).count();
    // Rounded up, or the last fraction of a millisecond would be a loop.
    const int ready = ::poll(waiting, 2, static_cast<int>(std::clamp<int64_t>(left + 1, 0, 3600000)));
    if (ready > 0 && waiting[0].revents != 0) throw CommError(FailureKind::kAborted, "connecting was aborted");
    if (ready > 0) return true;
    if (Clock::now() >= deadline) return false;
  }
}

std::string endpointOf(const sockaddr* address, socklen_t length) {
  char host[NI_MAXHOST], port[NI_MAXSERV];
  if (::getnameinfo(address, length, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "an unknown address";
  const std::string name = host;
  return (name.find(':') == std::string::npos ? name : "[" + name + "]") + ":" + port;
}

Socket listenAt(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (status != 0) throw Error(::gai_strerror(status));
  int problem = EADDRNOTAVAIL;
  Socket socket;
  for (const addrinfo* address = found; address && !socket; address = address->ai_next)
    socket = bindTo(*address, problem);
  ::freeaddrinfo(found);
  if (!socket) throw Error(std::strerror(problem));
  return socket;
}

std::vector<uint8_t> addressOf(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw Error(std::string("getsockname: ") + std::strerror(errno));
  const auto* begin = reinterpret_cast<const uint8_t*>(&address);
  return {begin, begin + length};
}

std::string endpointOf(const std::vector<uint8_t>& address) {
  const sockaddr_storage parsed = parse(address);
  return endpointOf(reinterpret_cast<const sockaddr*>(&parsed), static_cast<socklen_t>(address.size()));
}

Socket beginConnect(const std::vector<uint8_t>& address, int& problem) {
  const sockaddr_storage to = parse(address);
  Socket socket(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const bool begun = socket && ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&to),
                                         static_cast<socklen_t>(address.size())) == 0;
  problem = begun || (socket && errno == EINPROGRESS) ? 0 : errno;
  return socket;
}

}  // namespace scmoe::comm
