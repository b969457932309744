#include "comm/nccl/cuda_device.h"

#include <string>

namespace scmoe::comm {

CudaDevice::CudaDevice(const CudaApi& api, int ordinal) : api_(api) {
  const std::string which = "device " + std::to_string(ordinal);
  api.check(api.init(0), "cuInit");
  api.check(api.deviceGet(&device_, ordinal), "cuDeviceGet for " + which);
  CudaContext context = nullptr;
  api.check(api.primaryContextRetain(&context, device_), "cuDevicePrimaryCtxRetain for " + which);
  if (const CudaResult result = api.contextSetCurrent(context); result != kCudaSuccess) {
    api.primaryContextRelease(device_);
    api.check(result, "cuCtxSetCurrent for " + which);
  }
}

CudaDevice::~CudaDevice() {
  api_.contextSetCurrent(nullptr);
  api_.primaryContextRelease(device_);
}

Stream::Stream(const CudaApi& api) : api_(api) {
  api.check(api.streamCreate(&stream_, kCudaStreamNonBlocking), "cuStreamCreate");
}

Event::Event(const CudaApi& api) : api_(api) {
  api.check(api.eventCreate(&event_, kCudaEventDisableTiming), "cuEventCreate");
}

void Event::record(const Stream& stream) { api_.check(api_.eventRecord(event_, stream.get()), "cuEventRecord"); }

bool Event::hasHappened() const {
  const CudaResult result = api_.eventQuery(event_);
  if (result == kCudaNotReady) return false;
  api_.check(result, "cuEventQuery");
  return true;
}

CudaPointer DeviceMemory::reserve(size_t bytes) {
  if (bytes <= size_) return pointer_;
  release();
  api_.check(api_.memAlloc(&pointer_, bytes), "cuMemAlloc of " + std::to_string(bytes) + " bytes");
  size_ = bytes;
  return pointer_;
}

void DeviceMemory::release() {
  if (size_ > 0) api_.memFree(pointer_);
  pointer_ = 0;
  size_ = 0;
}

PinnedMemory::PinnedMemory(const CudaApi& api, size_t bytes) : api_(api) {
  api.check(api.memHostAlloc(&data_, bytes, 0), "cuMemHostAlloc of " + std::to_string(bytes) + " bytes");
}

}  // namespace scmoe::comm
