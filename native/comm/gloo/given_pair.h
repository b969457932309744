#pragma once
#include <gloo/transport/tcp/context.h>
#include <gloo/transport/tcp/device.h>
#include <gloo/transport/tcp/pair.h>

#include <memory>

#include "comm/peers/socket.h"

namespace scmoe::comm {

/// A Gloo pair over a connection that it is given. One that makes its own takes the first stranger on its port for its
/// peer. Which members of Gloo's pair that takes depends on its version: with or without listener.h.
class GivenPair final : public ::gloo::transport::tcp::Pair {
 public:
  GivenPair(::gloo::transport::tcp::Context* context, ::gloo::transport::tcp::Device* device, int rank,
            Milliseconds timeout);

  /// Whether nobody has met the pair before it was given anything.
  bool isUntouched() const { return untouched_; }

  /// @throws what Gloo throws
  void take(Socket socket);

 private:
  bool untouched_ = true;
};

/// The pairs of a group, not connected yet.
class GivenContext final : public ::gloo::transport::tcp::Context {
 public:
  using ::gloo::transport::tcp::Context::Context;

  std::unique_ptr<::gloo::transport::Pair>& createPair(int peer) override;
  GivenPair& pair(int peer) { return static_cast<GivenPair&>(*getPair(peer)); }
};

}  // namespace scmoe::comm
