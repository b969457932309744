// A stand-in for NCCL over shared memory, between threads and between processes; see README.md.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "standin/cuda.h"
#include "standin/knobs.h"
#include "standin/mesh.h"

using scmoe::standin::Mesh;
using scmoe::standin::number;
using scmoe::standin::planned;

namespace {

constexpr int kSuccess = 0, kUnhandledCudaError = 1, kInvalidArgument = 4, kInvalidUsage = 5, kInProgress = 7;
constexpr int kInt8 = 0, kInt32 = 2, kFloat32 = 7, kBfloat16 = 9, kSum = 0, kMax = 2;

struct Id {
  char internal[128];
};

struct Config {
  size_t size;
  unsigned magic, version;
  int blocking;
};

struct Transfer {
  int peer;
  bool isSend;
  char* data;
  size_t bytes;
  size_t done = 0;
};

struct Comm {
  Comm(const Id& id, int rank, int size) : mesh(id.internal, size), rank(rank), size(size) {}
  Mesh mesh;
  const int rank, size;
  int polls = 0;  // a call is in progress for so many more questions
  bool connecting = true;
  std::function<void()> launch;  // what the call that is in progress puts on the stream when it is through
  std::atomic<bool> aborted{false};
  std::atomic<int> running{0};
  int asyncError = 0;
};

std::atomic<long> live{0};
thread_local int depth = 0;
thread_local std::vector<std::pair<Comm*, Transfer>> grouped;
thread_local void* groupStream = nullptr;
thread_local int groupResult = 0;
thread_local std::string lastError;

size_t sizeOf(int type) { return type == kInt8 ? 1 : type == kBfloat16 ? 2 : 4; }

int refuse(int result, const std::string& text) {
  lastError = text;
  return result;
}

/// All transfers at once; those of one direction between two ranks in their order.
bool moveAll(Comm& comm, std::vector<Transfer> transfers) {
  for (;;) {
    bool finished = true, progress = false;
    std::vector<bool> sending(comm.size), receiving(comm.size);
    for (Transfer& transfer : transfers) {
      if (transfer.done == transfer.bytes) continue;
      finished = false;
      auto&& busy = transfer.isSend ? sending[transfer.peer] : receiving[transfer.peer];
      if (busy) continue;
      busy = true;
      const size_t rest = transfer.bytes - transfer.done;
      const size_t n = transfer.isSend
                           ? comm.mesh.between(comm.rank, transfer.peer).put(transfer.data + transfer.done, rest)
                           : comm.mesh.between(transfer.peer, comm.rank).take(transfer.data + transfer.done, rest);
      transfer.done += n;
      if (n > 0) progress = true;
    }
    if (finished) return true;
    if (comm.aborted) return false;
    if (!progress) std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

/// A line for each buffer that a call is given, in the order of the calls, for tests that look at addresses.
void note(const char* call, int rank, const void* data, size_t bytes) {
  const char* const file = std::getenv("STANDIN_NCCL_LOG");
  if (!file || !*file) return;
  if (std::FILE* log = std::fopen(file, "a")) {
    std::fprintf(log, "%s rank %d %llu %zu\n", call, rank, reinterpret_cast<unsigned long long>(data), bytes);
    std::fclose(log);
  }
}

/// Puts work on the stream, now or when the caller has asked often enough.
int start(Comm& comm, const char* call, void* stream, std::function<void()> work) {
  const int asyncError = planned("STANDIN_NCCL_ASYNC", call, comm.rank);
  if (asyncError) {
    comm.asyncError = asyncError;
    work = [&comm] {
      while (!comm.aborted) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
  }
  ++comm.running;
  auto* boxed = new std::function<void()>([&comm, work = std::move(work)] {
    if (!comm.aborted) work();
    --comm.running;
  });
  comm.launch = [boxed, stream] {
    standinLaunch(
        stream,
        [](void* data) {
          const std::unique_ptr<std::function<void()>> box(static_cast<std::function<void()>*>(data));
          (*box)();
        },
        boxed);
  };
  comm.polls = number("STANDIN_NCCL_POLLS", 2);
  if (comm.polls > 0) return kInProgress;
  comm.launch();
  comm.launch = {};
  return kSuccess;
}

int check(const char* call, Comm* comm) {
  if (!comm) return refuse(kInvalidArgument, std::string(call) + ": no communicator");
  if (const int result = planned("STANDIN_NCCL_FAIL", call, comm->rank))
    return refuse(result, std::string("stand-in: ") + call + " was told to fail");
  if (comm->polls > 0) return refuse(kInvalidUsage, std::string(call) + ": a call is still in progress");
  if (!standinHasContext()) return refuse(kUnhandledCudaError, std::string(call) + ": no device is current");
  return kSuccess;
}

template <typename Element>
void reduceInto(Element* sum, const Element* x, size_t count, int op) {
  for (size_t i = 0; i < count; ++i) {
    if (op == kMax)
      sum[i] = x[i] > sum[i] ? x[i] : sum[i];  // loses a NaN, as NCCL does
    else if constexpr (std::is_same_v<Element, int32_t>)
      sum[i] = static_cast<int32_t>(static_cast<uint32_t>(sum[i]) + static_cast<uint32_t>(x[i]));
    else
      sum[i] += x[i];
  }
}

/// Everybody's `in` in pieces of `bytes`, piece p to rank p (or the whole to all), reduced in the order of the ranks.
void reduceAll(Comm& comm, const char* in, char* out, size_t count, int type, int op, bool scatter) {
  const size_t bytes = count * sizeOf(type);
  std::vector<std::vector<char>> parts(comm.size, std::vector<char>(bytes));
  std::vector<Transfer> transfers;
  const auto piece = [&](int peer) { return const_cast<char*>(in) + (scatter ? peer * bytes : 0); };
  for (int peer = 0; peer < comm.size; ++peer) {
    if (peer == comm.rank) {
      std::memcpy(parts[peer].data(), piece(peer), bytes);
      continue;
    }
    transfers.push_back({peer, false, parts[peer].data(), bytes});
    transfers.push_back({peer, true, piece(peer), bytes});
  }
  if (!moveAll(comm, std::move(transfers))) return;
  for (int peer = 1; peer < comm.size; ++peer) {
    if (type == kFloat32)
      reduceInto(reinterpret_cast<float*>(parts[0].data()), reinterpret_cast<float*>(parts[peer].data()), count, op);
    else
      reduceInto(reinterpret_cast<int32_t*>(parts[0].data()), reinterpret_cast<int32_t*>(parts[peer].data()), count,
                 op);
  }
  std::memcpy(out, parts[0].data(), bytes);
}

int reduction(const char* call, const void* in, void* out, size_t count, int type, int op, Comm* comm, void* stream,
              bool scatter) {
  if (const int result = check(call, comm)) return result;
  const size_t bytes = count * sizeOf(type);
  auto* from = static_cast<char*>(standinHostAddress(in, scatter ? bytes * comm->size : bytes));
  auto* to = static_cast<char*>(standinHostAddress(out, bytes));
  if (!from || !to || (type != kFloat32 && type != kInt32) || (op != kSum && op != kMax))
    return refuse(kInvalidArgument, std::string(call) + ": no device memory, or a type that is not known here");
  note(call, comm->rank, in, scatter ? bytes * comm->size : bytes);
  note(call, comm->rank, out, bytes);
  return start(*comm, call, stream, [=] { reduceAll(*comm, from, to, count, type, op, scatter); });
}

int transfer(const char* call, bool isSend, const void* data, size_t count, int type, int peer, Comm* comm,
             void* stream) {
  if (const int result = check(call, comm)) return groupResult = result;
  void* address = standinHostAddress(data, count * sizeOf(type));
  if (!address || peer < 0 || peer >= comm->size)
    return groupResult = refuse(kInvalidArgument, std::string(call) + ": no device memory, or no such rank");
  if (depth == 0) return refuse(kInvalidUsage, std::string(call) + ": outside of a group it could wait for ever");
  note(call, comm->rank, data, count * sizeOf(type));
  grouped.push_back({comm, {peer, isSend, static_cast<char*>(address), count * sizeOf(type)}});
  groupStream = stream;
  return kSuccess;
}

}  // namespace

extern "C" {

long standinNcclLive() { return live; }

int ncclGetVersion(int* version) {
  *version = number("STANDIN_NCCL_VERSION", 23007);
  return kSuccess;
}

const char* ncclGetErrorString(int result) {
  switch (result) {
    case 0: return "no error";
    case 1: return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case 2: return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case 3: return "internal error - please report this issue to the NCCL developers";
    case 4: return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case 5: return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case 6: return "remote process exited or there was a network error";
    case 7: return "NCCL operation in progress";
    default: return "unknown result code";
  }
}

const char* ncclGetLastError(Comm*) { return lastError.c_str(); }

int ncclGetUniqueId(Id* id) {
  if (const int result = planned("STANDIN_NCCL_FAIL", "ncclGetUniqueId"))
    return refuse(result, "stand-in: ncclGetUniqueId was told to fail");
  std::random_device random;
  std::snprintf(id->internal, sizeof(id->internal), "%08x%08x%08x", random(), random(), random());
  return kSuccess;
}

int ncclCommInitRankConfig(Comm** comm, int size, Id id, int rank, const Config* config) {
  *comm = nullptr;
  if (!config || config->magic != 0xcafebeef || config->version < 21400 || config->version > 23007 || config->size < 16)
    return refuse(kInvalidArgument, "ncclCommInitRankConfig: no config");
  if (config->blocking != 0)
    return refuse(kInvalidUsage, "stand-in: the engine never asks for a blocking communicator");
  if (const int result = planned("STANDIN_NCCL_FAIL", "ncclCommInitRankConfig", rank))
    return refuse(result, "stand-in: ncclCommInitRankConfig was told to fail");
  if (!standinHasContext()) return refuse(kUnhandledCudaError, "ncclCommInitRankConfig: no device is current");
  if (rank < 0 || rank >= size) return refuse(kInvalidArgument, "ncclCommInitRankConfig: no such rank");
  *comm = new Comm(id, rank, size);
  (*comm)->polls = 1;
  ++live;
  return kInProgress;
}

int ncclCommGetAsyncError(Comm* comm, int* state) {
  *state = kSuccess;
  if (!comm) return refuse(kInvalidArgument, "ncclCommGetAsyncError: no communicator");
  if (comm->connecting) {
    comm->connecting = !comm->mesh.complete();
    if (!comm->connecting) comm->polls = number("STANDIN_NCCL_POLLS", 2);
  } else if (comm->polls > 0) {
    --comm->polls;
  }
  if (comm->polls > 0) {
    *state = kInProgress;
    return kSuccess;
  }
  if (comm->launch) comm->launch();
  comm->launch = {};
  if (comm->asyncError) {
    lastError = "stand-in: failed while it was at work";
    *state = comm->asyncError;
  }
  return kSuccess;
}

int ncclCommFinalize(Comm* comm) {
  if (const int result = check("ncclCommFinalize", comm)) return result;
  comm->polls = number("STANDIN_NCCL_POLLS", 2);
  return comm->polls > 0 ? kInProgress : kSuccess;
}

int ncclCommAbort(Comm* comm) {
  comm->aborted = true;
  if (comm->launch) comm->launch();
  comm->launch = {};
  while (comm->running > 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
  delete comm;
  --live;
  return kSuccess;
}

int ncclCommDestroy(Comm* comm) { return ncclCommAbort(comm); }

int ncclGroupStart() {
  ++depth;
  groupResult = 0;
  return kSuccess;
}

int ncclGroupEnd() {
  if (--depth > 0) return kSuccess;
  auto operations = std::move(grouped);
  grouped.clear();
  if (groupResult != 0) return groupResult;
  if (operations.empty()) return kSuccess;
  Comm* comm = operations.front().first;
  std::vector<Transfer> transfers;
  for (auto& [owner, transfer] : operations) transfers.push_back(transfer);
  return start(*comm, "ncclGroupEnd", groupStream, [=] { moveAll(*comm, transfers); });
}

int ncclSend(const void* data, size_t count, int type, int peer, Comm* comm, void* stream) {
  return transfer("ncclSend", true, data, count, type, peer, comm, stream);
}

#ifndef STANDIN_WITHOUT_RECV
int ncclRecv(void* data, size_t count, int type, int peer, Comm* comm, void* stream) {
  return transfer("ncclRecv", false, data, count, type, peer, comm, stream);
}
#endif

int ncclAllReduce(const void* in, void* out, size_t count, int type, int op, Comm* comm, void* stream) {
  return reduction("ncclAllReduce", in, out, count, type, op, comm, stream, false);
}

int ncclReduceScatter(const void* in, void* out, size_t count, int type, int op, Comm* comm, void* stream) {
  return reduction("ncclReduceScatter", in, out, count, type, op, comm, stream, true);
}

int ncclAllGather(const void* in, void* out, size_t count, int type, Comm* comm, void* stream) {
  if (const int result = check("ncclAllGather", comm)) return result;
  const size_t bytes = count * sizeOf(type);
  auto* from = static_cast<char*>(standinHostAddress(in, bytes));
  auto* to = static_cast<char*>(standinHostAddress(out, bytes * comm->size));
  if (!from || !to) return refuse(kInvalidArgument, "ncclAllGather: no device memory");
  return start(*comm, "ncclAllGather", stream, [=] {
    std::memcpy(to + comm->rank * bytes, from, bytes);
    std::vector<Transfer> transfers;
    for (int peer = 0; peer < comm->size; ++peer) {
      if (peer == comm->rank) continue;
      transfers.push_back({peer, true, from, bytes});
      transfers.push_back({peer, false, to + peer * bytes, bytes});
    }
    moveAll(*comm, std::move(transfers));
  });
}

int ncclBroadcast(const void* in, void* out, size_t count, int type, int root, Comm* comm, void* stream) {
  if (const int result = check("ncclBroadcast", comm)) return result;
  const size_t bytes = count * sizeOf(type);
  auto* from = static_cast<char*>(standinHostAddress(in, bytes));
  auto* to = static_cast<char*>(standinHostAddress(out, bytes));
  if (!from || !to || root < 0 || root >= comm->size)
    return refuse(kInvalidArgument, "ncclBroadcast: no device memory, or no such rank");
  return start(*comm, "ncclBroadcast", stream, [=] {
    std::vector<Transfer> transfers;
    if (comm->rank != root) transfers.push_back({root, false, to, bytes});
    for (int peer = 0; peer < comm->size && comm->rank == root; ++peer)
      if (peer != root) transfers.push_back({peer, true, from, bytes});
    if (comm->rank == root && from != to) std::memcpy(to, from, bytes);
    moveAll(*comm, std::move(transfers));
  });
}

}  // extern "C"
