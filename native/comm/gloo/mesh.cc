#include "comm/gloo/mesh.h"

#include <gloo/transport/tcp/device.h>
#include <gloo/transport/unbound_buffer.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <utility>

#include "comm/error.h"
#include "comm/gloo/given_pair.h"
#include "comm/peers/dial_peer.h"

namespace scmoe::comm {

namespace {

Milliseconds remaining(Deadline deadline) {
  return std::max(Milliseconds(1), std::chrono::duration_cast<Milliseconds>(deadline - Clock::now()));
}

/// While it lives, this thread starts its threads as batch threads, which never preempt others when they wake up.
///
/// Gloo's thread only tries a connection's lock, and comes back at once where it is held. Where it has preempted the
/// thread that holds it, on a core that both share, it spins until the next tick of the scheduler: 4 ms for a message
/// of 8 bytes. Where the change is not allowed, that is all that happens.
class StartsBatchThreads {
 public:
  StartsBatchThreads() {
    const bool usual = ::pthread_getschedparam(::pthread_self(), &policy_, &parameters_) == 0 && policy_ == SCHED_OTHER;
    changed_ = usual && ::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &parameters_) == 0;
  }
  ~StartsBatchThreads() {
    if (changed_) ::pthread_setschedparam(::pthread_self(), policy_, &parameters_);
  }

 private:
  int policy_ = SCHED_OTHER;
  sched_param parameters_{};
  bool changed_ = false;
};

// Gloo's own sockets are of no use here. Where they listen at all, nobody outside of this machine reaches them.
constexpr const char* kNowhere = "127.0.0.1";
// A pair that somebody has met is of no more use.
constexpr int kMostContexts = 100;

std::shared_ptr<::gloo::transport::tcp::Device> createDevice() {
  const StartsBatchThreads batch;
  return std::static_pointer_cast<::gloo::transport::tcp::Device>(
      ::gloo::transport::tcp::CreateDevice(::gloo::transport::tcp::attr(kNowhere)));
}

std::shared_ptr<GivenContext> createContext(const std::shared_ptr<::gloo::transport::tcp::Device>& device, int rank,
                                            int size) {
  for (int i = 0; i < kMostContexts; ++i) {
    auto context = std::make_shared<GivenContext>(device, rank, size);
    // Never waited for: each wait has a deadline of its own.
    context->setTimeout(Milliseconds(std::chrono::hours(1)));
    bool untouched = true;
    for (int peer = 0; peer < size; ++peer) {
      if (peer == rank) continue;
      context->createPair(peer);
      untouched = untouched && context->pair(peer).isUntouched();
    }
    if (untouched) return context;
  }
  throw Error("somebody connects to every port of this machine at once");
}

/// Gloo's messages begin with `[/its/source/file.cc:123] `.
std::string withoutPlace(const std::string& message) {
  const size_t end = message.find("] ");
  return message.compare(0, 1, "[") == 0 && end != std::string::npos ? message.substr(end + 2) : message;
}

}  // namespace

struct GlooMesh::Pending {
  Pending(GlooMesh& mesh, std::unique_ptr<Buffer> buffer, int peer)
      : mesh(&mesh), buffer(std::move(buffer)), peer(peer) {}
  Pending(Pending&&) = default;
  ~Pending() {
    if (!buffer) return;
    {
      std::lock_guard<std::mutex> lock(mesh->mutex_);
      mesh->live_.erase(buffer.get());
    }
    // Outside of the lock: Gloo's thread may have to let go of the buffer first.
    buffer.reset();
  }
  GlooMesh* mesh;
  std::unique_ptr<Buffer> buffer;
  int peer;
  bool done = false;
};

GlooMesh::GlooMesh(PeerIdentity self, const std::string& host) : self_(std::move(self)) {
  try {
    context_ = createContext(createDevice(), rank(), size());
  } catch (const std::exception& error) {
    throw CommError(FailureKind::kConnection, std::string("Gloo can't be used: ") + withoutPlace(error.what()));
  }
  if (size() == 1) return;
  try {
    listener_ = std::make_unique<PeerListener>(self_, host);
  } catch (const std::exception& error) {
    throw CommError(FailureKind::kConnection, "Gloo can't listen on '" + host + "': " + error.what());
  }
}

GlooMesh::~GlooMesh() { disconnect(); }

std::vector<uint8_t> GlooMesh::address() const { return listener_ ? listener_->address() : std::vector<uint8_t>(); }

void GlooMesh::connect(const std::vector<std::vector<uint8_t>>& everybody, Deadline deadline) {
  int peer = 0;
  try {
    // Of two ranks the higher one dials: it has shown the token when it learns that it is welcome.
    for (peer = 0; peer < size(); ++peer) {
      if (peer == rank()) continue;
      context_->pair(peer).take(peer < rank() ? dialPeer(self_, peer, everybody.at(peer), wake_, deadline)
                                              : listener_->take(peer, deadline));
    }
  } catch (const CommError& error) {
    if (error.kind == FailureKind::kAborted) throw;
    throw CommError(error.kind, "no connection to rank " + std::to_string(peer) + ": " + error.what(), {peer});
  } catch (const std::exception& error) {
    throw CommError(FailureKind::kConnection,
                    "no connection to rank " + std::to_string(peer) + ": " + withoutPlace(error.what()), {peer});
  }
  stopListening();
}

void GlooMesh::stopListening() {
  std::unique_ptr<PeerListener> ended;
  std::lock_guard<std::mutex> lock(mutex_);
  ended.swap(listener_);
}

GlooMesh::Buffer* GlooMesh::track(std::unique_ptr<Buffer> buffer, std::vector<Pending>& list, int peer) {
  Buffer* raw = buffer.get();
  list.emplace_back(*this, std::move(buffer), peer);
  std::lock_guard<std::mutex> lock(mutex_);
  live_.insert(raw);
  return raw;
}

void GlooMesh::exchange(const std::vector<Message>& receives, const std::vector<Message>& sends, uint64_t slot,
                        Deadline deadline, const std::function<void()>& meanwhile) {
  std::vector<Pending> receiving, sending;
  // A vector that grows would move buffers while abort() looks at them.
  receiving.reserve(receives.size());
  sending.reserve(sends.size());
  int peer = -1;
  try {
    for (const Message& message : receives) {
      if (message.bytes == 0) continue;
      peer = message.peer;
      track(context_->createUnboundBuffer(message.data, message.bytes), receiving, peer)->recv(peer, slot);
    }
    for (const Message& message : sends) {
      if (message.bytes == 0) continue;
      peer = message.peer;
      track(context_->createUnboundBuffer(message.data, message.bytes), sending, peer)->send(peer, slot);
    }
  } catch (const std::exception& error) {
    failed(receiving, sending, withoutPlace(error.what()), peer, false);
  }
  if (meanwhile) meanwhile();
  await(receiving, sending, deadline);
}

void GlooMesh::await(std::vector<Pending>& receives, std::vector<Pending>& sends, Deadline deadline) {
  for (std::vector<Pending>* list : {&receives, &sends}) {
    for (Pending& pending : *list) {
      if (aborted_) failed(receives, sends, "aborted", pending.peer, false);
      try {
        const auto limit = remaining(deadline);
        pending.done =
            list == &receives ? pending.buffer->waitRecv(nullptr, limit) : pending.buffer->waitSend(nullptr, limit);
      } catch (const std::exception& error) {
        failed(receives, sends, withoutPlace(error.what()), pending.peer, Clock::now() >= deadline);
      }
      if (!pending.done) failed(receives, sends, "aborted", pending.peer, false);
    }
  }
}

/// After the first failure: looks which messages have come through none the less, for the others are what was missing.
void GlooMesh::failed(std::vector<Pending>& receives, std::vector<Pending>& sends, const std::string& reason, int peer,
                      bool timedOut) {
  if (aborted_) throw CommError(FailureKind::kAborted, "aborted");
  if (!timedOut)
    throw CommError(FailureKind::kConnection, "the connection to rank " + std::to_string(peer) + " broke: " + reason,
                    {peer});
  std::vector<int> missing;
  for (std::vector<Pending>* list : {&receives, &sends}) {
    for (Pending& pending : *list) {
      if (!pending.done) {
        try {
          pending.done = list == &receives ? pending.buffer->waitRecv(nullptr, Milliseconds(1))
                                           : pending.buffer->waitSend(nullptr, Milliseconds(1));
        } catch (const std::exception&) {
        }
      }
      if (!pending.done && std::find(missing.begin(), missing.end(), pending.peer) == missing.end())
        missing.push_back(pending.peer);
    }
  }
  std::sort(missing.begin(), missing.end());
  if (missing.empty()) missing.push_back(peer);
  throw CommError(FailureKind::kTimeout, namesOf(missing) + " did not take part in time", missing);
}

void GlooMesh::abort() noexcept {
  aborted_ = true;
  try {
    wake_.set();
    std::lock_guard<std::mutex> lock(mutex_);
    if (listener_) listener_->abort();
    for (Buffer* buffer : live_) {
      buffer->abortWaitRecv();
      buffer->abortWaitSend();
    }
  } catch (...) {
  }
}

void GlooMesh::disconnect() noexcept {
  try {
    stopListening();
    for (int peer = 0; peer < size(); ++peer)
      if (peer != rank()) context_->pair(peer).close();
  } catch (...) {
  }
}

}  // namespace scmoe::comm
