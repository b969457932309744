#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace scmoe::comm {

// What is used of nccl.h, written down here: no header is needed to build, and one binary serves machines with and
// without NCCL. Names and values are NVIDIA's.

struct NcclUniqueId {
  char internal[128];
};
using NcclCommunicator = struct ncclComm*;
using CudaStream = struct CUstream_st*;

enum NcclResult : int {
  kNcclSuccess = 0,
  kNcclUnhandledCudaError = 1,
  kNcclSystemError = 2,
  kNcclRemoteError = 6,
  kNcclInProgress = 7,
};
/// No failure: done, or to be asked for.
inline bool isGood(NcclResult result) { return result == kNcclSuccess || result == kNcclInProgress; }
enum NcclDataType : int { kNcclInt8 = 0, kNcclInt32 = 2, kNcclFloat32 = 7, kNcclBfloat16 = 9 };
enum NcclReduction : int { kNcclSum = 0, kNcclMax = 2 };

/// The layout of 2.17, which every later library accepts: it goes by `size` and `version`.
struct NcclConfig {
  size_t size = sizeof(NcclConfig);
  unsigned int magic = 0xcafebeef;
  unsigned int version = 21700;
  int blocking;
  int cgaClusterSize;
  int minCTAs;
  int maxCTAs;
  const char* netName;
};

/// NCCL, opened at run time.
struct NcclApi {
  std::string path;
  int version = 0;  // 23007 is 2.30.7

  NcclResult (*getVersion)(int* version);
  const char* (*getErrorString)(NcclResult result);
  const char* (*getLastError)(NcclCommunicator comm);
  NcclResult (*getUniqueId)(NcclUniqueId* id);
  NcclResult (*commInitRankConfig)(NcclCommunicator* comm, int size, NcclUniqueId id, int rank, NcclConfig* config);
  NcclResult (*commGetAsyncError)(NcclCommunicator comm, NcclResult* result);
  NcclResult (*commFinalize)(NcclCommunicator comm);
  NcclResult (*commDestroy)(NcclCommunicator comm);
  NcclResult (*commAbort)(NcclCommunicator comm);
  NcclResult (*groupStart)();
  NcclResult (*groupEnd)();
  NcclResult (*send)(const void* data, size_t count, NcclDataType type, int peer, NcclCommunicator comm,
                     CudaStream stream);
  NcclResult (*recv)(void* data, size_t count, NcclDataType type, int peer, NcclCommunicator comm, CudaStream stream);
  NcclResult (*allReduce)(const void* in, void* out, size_t count, NcclDataType type, NcclReduction reduction,
                          NcclCommunicator comm, CudaStream stream);
  NcclResult (*allGather)(const void* in, void* out, size_t sendCount, NcclDataType type, NcclCommunicator comm,
                          CudaStream stream);
  NcclResult (*reduceScatter)(const void* in, void* out, size_t recvCount, NcclDataType type, NcclReduction reduction,
                              NcclCommunicator comm, CudaStream stream);
  NcclResult (*broadcast)(const void* in, void* out, size_t count, NcclDataType type, int root, NcclCommunicator comm,
                          CudaStream stream);

  /// The first candidate that can be opened, is new enough and has every symbol. @throws Error saying why none is
  static NcclApi open(const std::vector<std::string>& candidates);

  /// The library's own words for a result, with what it says about its last error.
  std::string textOf(NcclResult result) const;
};

/// 23007 -> `2.30.7`
std::string ncclVersionText(int version);

}  // namespace scmoe::comm
