#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace scmoe::comm {

// What is used of the CUDA driver's API (cuda.h), as in nccl_api.h. The driver's library is on every machine with a
// GPU; the run-time library need not be.

using CudaContext = struct CUctx_st*;
using CudaStream = struct CUstream_st*;
using CudaEvent = struct CUevent_st*;
using CudaPointer = unsigned long long;
struct CudaUuid {
  char bytes[16];
};

enum CudaResult : int { kCudaSuccess = 0, kCudaNoDevice = 100, kCudaNotReady = 600 };
enum CudaFlag : unsigned { kCudaStreamNonBlocking = 1, kCudaEventDisableTiming = 2 };

/// The CUDA driver, opened at run time.
struct CudaApi {
  std::string path;

  CudaResult (*init)(unsigned flags);
  CudaResult (*driverGetVersion)(int* version);
  CudaResult (*getErrorString)(CudaResult result, const char** text);
  CudaResult (*deviceGetCount)(int* count);
  CudaResult (*deviceGet)(int* device, int ordinal);
  CudaResult (*deviceGetName)(char* name, int length, int device);
  CudaResult (*deviceGetUuid)(CudaUuid* uuid, int device);
  CudaResult (*primaryContextRetain)(CudaContext* context, int device);
  CudaResult (*primaryContextRelease)(int device);
  CudaResult (*contextSetCurrent)(CudaContext context);
  CudaResult (*memAlloc)(CudaPointer* pointer, size_t bytes);
  CudaResult (*memFree)(CudaPointer pointer);
  CudaResult (*memGetAddressRange)(CudaPointer* begin, size_t* bytes, CudaPointer pointer);
  CudaResult (*memHostAlloc)(void** pointer, size_t bytes, unsigned flags);
  CudaResult (*memFreeHost)(void* pointer);
  CudaResult (*copyToDevice)(CudaPointer target, const void* source, size_t bytes, CudaStream stream);
  CudaResult (*copyToHost)(void* target, CudaPointer source, size_t bytes, CudaStream stream);
  CudaResult (*copyOnDevice)(CudaPointer target, CudaPointer source, size_t bytes, CudaStream stream);
  CudaResult (*streamCreate)(CudaStream* stream, unsigned flags);
  CudaResult (*streamDestroy)(CudaStream stream);
  CudaResult (*eventCreate)(CudaEvent* event, unsigned flags);
  CudaResult (*eventRecord)(CudaEvent event, CudaStream stream);
  CudaResult (*eventQuery)(CudaEvent event);
  CudaResult (*eventDestroy)(CudaEvent event);

  /// @throws Error saying why no candidate can be used
  static CudaApi open(const std::vector<std::string>& candidates);

  /// @throws CommError (engine) with the driver's own words, unless it is a success
  void check(CudaResult result, const std::string& what) const;
  std::string textOf(CudaResult result) const;
  /// @throws CommError (engine) unless so many bytes from there on are memory of the current device
  void expectOnDevice(CudaPointer pointer, size_t bytes, const std::string& what) const;
};

}  // namespace scmoe::comm
