#include "comm/nccl/cuda_api.h"

#include "comm/error.h"
#include "core/shared_library.h"

namespace scmoe::comm {

namespace {

CudaApi load(const SharedLibrary& library) {
  CudaApi api{};
  api.path = library.path();
  SymbolReader reader(library);
  reader.read(api.init, "cuInit");
  reader.read(api.driverGetVersion, "cuDriverGetVersion");
  reader.read(api.getErrorString, "cuGetErrorString");
  reader.read(api.deviceGetCount, "cuDeviceGetCount");
  reader.read(api.deviceGet, "cuDeviceGet");
  reader.read(api.deviceGetName, "cuDeviceGetName");
  reader.read(api.deviceGetUuid, "cuDeviceGetUuid_v2");
  reader.read(api.primaryContextRetain, "cuDevicePrimaryCtxRetain");
  reader.read(api.primaryContextRelease, "cuDevicePrimaryCtxRelease_v2");
  reader.read(api.contextSetCurrent, "cuCtxSetCurrent");
  reader.read(api.memAlloc, "cuMemAlloc_v2");
  reader.read(api.memFree, "cuMemFree_v2");
  reader.read(api.memGetAddressRange, "cuMemGetAddressRange_v2");
  reader.read(api.memHostAlloc, "cuMemHostAlloc");
  reader.read(api.memFreeHost, "cuMemFreeHost");
  reader.read(api.copyToDevice, "cuMemcpyHtoDAsync_v2");
  reader.read(api.copyToHost, "cuMemcpyDtoHAsync_v2");
  reader.read(api.copyOnDevice, "cuMemcpyDtoDAsync_v2");
  reader.read(api.streamCreate, "cuStreamCreate");
  reader.read(api.streamDestroy, "cuStreamDestroy_v2");
  reader.read(api.eventCreate, "cuEventCreate");
  reader.read(api.eventRecord, "cuEventRecord");
  reader.read(api.eventQuery, "cuEventQuery");
  reader.read(api.eventDestroy, "cuEventDestroy_v2");
  reader.finish();
  return api;
}

}  // namespace

CudaApi CudaApi::open(const std::vector<std::string>& candidates) { return openFirst("CUDA driver", candidates, load); }

void CudaApi::check(CudaResult result, const std::string& what) const {
  if (result != kCudaSuccess) throw CommError(FailureKind::kEngine, what + ": " + textOf(result));
}

void CudaApi::expectOnDevice(CudaPointer pointer, size_t bytes, const std::string& what) const {
  if (bytes == 0) return;
  CudaPointer begin = 0;
  size_t size = 0;
  const CudaResult result = memGetAddressRange(&begin, &size, pointer);
  if (result == kCudaSuccess && bytes <= size && pointer - begin <= size - bytes) return;
  throw CommError(FailureKind::kEngine,
                  what + ": expected " + std::to_string(bytes) + " bytes of the device's memory, got " +
                      (result == kCudaSuccess ? std::to_string(size - (pointer - begin)) : textOf(result)));
}

std::string CudaApi::textOf(CudaResult result) const {
  const char* text = nullptr;
  if (getErrorString(result, &text) != kCudaSuccess || !text) text = "unknown error";
  return "CUDA error " + std::to_string(static_cast<int>(result)) + ", " + text;
}

}  // namespace scmoe::comm
