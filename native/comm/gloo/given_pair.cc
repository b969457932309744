#include "comm/gloo/given_pair.h"

#if __has_include(<gloo/transport/tcp/listener.h>)
#include <gloo/transport/tcp/error.h>
#include <gloo/transport/tcp/socket.h>
#define SCMOE_GLOO_LISTENS_ITSELF 0
#else
#define SCMOE_GLOO_LISTENS_ITSELF 1
#endif

namespace scmoe::comm {

namespace tcp = ::gloo::transport::tcp;

#if SCMOE_GLOO_LISTENS_ITSELF

// Gloo of 2022 (Debian 12, Ubuntu 24.04): a pair listens from its constructor on. That ends here, a moment later;
// whoever has come through in between is noticed.
GivenPair::GivenPair(tcp::Context* context, tcp::Device* device, int rank, Milliseconds timeout)
    : tcp::Pair(context, device, rank, timeout) {
  std::lock_guard<std::mutex> lock(m_);
  untouched_ = state_ == LISTENING;
  if (!untouched_) return;
  device_->unregisterDescriptor(fd_, this);
  ::close(fd_);
  fd_ = -1;
  state_ = INITIALIZING;
}

void GivenPair::take(Socket socket) {
  std::lock_guard<std::mutex> lock(m_);
  throwIfException();
  fd_ = socket.release();
  handleConnected();
}

#else

// Gloo of 2023 (Debian 13): one listener a device, which tells pairs by a number that the other side says. Nobody of
// ours says one, and no pair waits for any.
GivenPair::GivenPair(tcp::Context* context, tcp::Device* device, int rank, Milliseconds timeout)
    : tcp::Pair(context, device, rank, timeout) {}

void GivenPair::take(Socket socket) {
  auto given = std::make_shared<tcp::Socket>(socket.release());
  given->noDelay(true);
  connectCallback(std::move(given), tcp::Error());
}

#endif

std::unique_ptr<::gloo::transport::Pair>& GivenContext::createPair(int peer) {
  pairs_[peer] = std::make_unique<GivenPair>(this, device_.get(), peer, getTimeout());
  return pairs_[peer];
}

}  // namespace scmoe::comm
