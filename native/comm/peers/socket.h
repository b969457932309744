#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "comm/request.h"

namespace scmoe::comm {

/// A file descriptor with one owner.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept;

  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  /// Hands the descriptor over: the caller closes it.
  int release() noexcept;
  void close() noexcept;

 private:
  int fd_ = -1;
};

/// Ends waits: once set, it stays so.
class Wake {
 public:
  Wake();
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  void set() noexcept;
  bool isSet() const;
  int fd() const { return fd_; }

 private:
  int fd_;
};

/// Waits until a socket is ready for `events` of poll(2). @returns false when time is up. @throws CommError (aborted)
/// once `wake` is set. A descriptor of -1 waits for that, or for the time, alone.
bool waitFor(int fd, short events, const Wake& wake, Deadline deadline);

/// `10.0.0.1:4711`, `[fd00::1]:4711`: where a socket is bound to, or comes from.
std::string endpointOf(const sockaddr* address, socklen_t length);

/// A socket that listens at a free port of one of the host's addresses. @param host address or name of this machine
/// @throws Error with the system's reason
Socket listenAt(const std::string& host);

/// A socket's own address, as bytes for connectTo() on another machine.
std::vector<uint8_t> addressOf(const Socket& socket);

/// What addressOf() has given, to be read by people. @throws Error for anything else
std::string endpointOf(const std::vector<uint8_t>& address);

/// Begins a connection to what addressOf() has given. @param problem errno of a failure, else 0
/// @throws Error for bytes that are no address
Socket beginConnect(const std::vector<uint8_t>& address, int& problem);

}  // namespace scmoe::comm
