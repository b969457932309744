#include "comm/gloo/mesh.h"

#include <gloo/context.h>
#include <gloo/transport/context.h>
#include <gloo/transport/device.h>
#include <gloo/transport/tcp/device.h>
#include <gloo/transport/unbound_buffer.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstring>

#include "comm/error.h"

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

std::shared_ptr<::gloo::transport::Device> createDevice(const ::gloo::transport::tcp::attr& attributes) {
  const StartsBatchThreads batch;
  return ::gloo::transport::tcp::CreateDevice(attributes);
}

/// gloo::Context with its transport set from outside; Gloo's own subclass fills it from a store.
class MeshContext : public ::gloo::Context {
 public:
  MeshContext(int rank, int size, std::shared_ptr<::gloo::transport::Device> device) : ::gloo::Context(rank, size) {
    device_ = std::move(device);
    transportContext_ = device_->createContext(rank, size);
  }
  ::gloo::transport::Context& transport() { return *transportContext_; }
};

MeshContext& meshOf(const std::shared_ptr<::gloo::Context>& context) { return static_cast<MeshContext&>(*context); }

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

GlooMesh::GlooMesh(int rank, int size, const std::string& host, Milliseconds connectTimeout)
    : rank_(rank), size_(size) {
  try {
    ::gloo::transport::tcp::attr attributes(host.c_str());
    context_ = std::make_shared<MeshContext>(rank, size, createDevice(attributes));
    auto& transport = meshOf(context_).transport();
    // Gloo waits for a connection five times as long as a pair's time-out, which is fixed when the pair is created.
    transport.setTimeout(std::max(Milliseconds(1), connectTimeout / 5));
    for (int peer = 0; peer < size; ++peer)
      if (peer != rank) transport.createPair(peer);
  } catch (const std::exception& error) {
    throw CommError(FailureKind::kConnection, "Gloo can't listen on '" + host + "': " + withoutPlace(error.what()));
  }
}

GlooMesh::~GlooMesh() { disconnect(); }

std::vector<uint8_t> GlooMesh::addresses() const {
  std::vector<uint8_t> result;
  for (int peer = 0; peer < size_; ++peer) {
    std::vector<char> bytes;
    if (peer != rank_) bytes = meshOf(context_).transport().getPair(peer)->address().bytes();
    const uint32_t length = static_cast<uint32_t>(bytes.size());
    const size_t at = result.size();
    result.resize(at + 4 + length);
    std::memcpy(result.data() + at, &length, 4);
    if (length > 0) std::memcpy(result.data() + at + 4, bytes.data(), length);
  }
  return result;
}

void GlooMesh::connect(const std::vector<std::vector<uint8_t>>& everybody, Deadline deadline) {
  connecting_ = true;
  int peer = 0;
  try {
    for (peer = 0; peer < size_; ++peer) {
      if (peer == rank_) continue;
      if (aborted_ || Clock::now() > deadline) break;
      const std::vector<uint8_t>& theirs = everybody.at(peer);
      size_t at = 0;
      for (int i = 0;; ++i) {
        uint32_t length = 0;
        if (at + 4 > theirs.size()) throw Error("its address is malformed");
        std::memcpy(&length, theirs.data() + at, 4);
        at += 4;
        if (length > theirs.size() - at) throw Error("its address is malformed");
        if (i == rank_) {
          const char* begin = reinterpret_cast<const char*>(theirs.data() + at);
          meshOf(context_).transport().getPair(peer)->connect(std::vector<char>(begin, begin + length));
          break;
        }
        at += length;
      }
    }
  } catch (const std::exception& error) {
    connecting_ = false;
    if (aborted_) throw CommError(FailureKind::kAborted, "connecting was aborted");
    const bool late = Clock::now() >= deadline;
    throw CommError(late ? FailureKind::kTimeout : FailureKind::kConnection,
                    "no connection to rank " + std::to_string(peer) + ": " + withoutPlace(error.what()), {peer});
  }
  connecting_ = false;
  if (aborted_) throw CommError(FailureKind::kAborted, "connecting was aborted");
  if (peer < size_) throw CommError(FailureKind::kTimeout, "connecting took too long", {peer});
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
    // A connect has no buffer to wake; closing its connections ends it.
    if (connecting_) context_->closeConnections();
    std::lock_guard<std::mutex> lock(mutex_);
    for (Buffer* buffer : live_) {
      buffer->abortWaitRecv();
      buffer->abortWaitSend();
    }
  } catch (...) {
  }
}

void GlooMesh::disconnect() noexcept {
  try {
    if (context_) context_->closeConnections();
  } catch (...) {
  }
}

}  // namespace scmoe::comm
