#pragma once
#include "comm/nccl/cuda_api.h"

namespace scmoe::comm {

// Owners of what the driver gives. All of them live and die on one thread, the communicator's, between the making and
// the end of a CudaDevice; destructors ignore errors, for they run after failures as well.

/// The primary context of a device (the one that NCCL uses as well), current on the calling thread.
class CudaDevice {
 public:
  CudaDevice(const CudaApi& api, int ordinal);
  ~CudaDevice();
  CudaDevice(const CudaDevice&) = delete;

 private:
  const CudaApi& api_;
  int device_ = 0;
};

class Stream {
 public:
  explicit Stream(const CudaApi& api);
  ~Stream() { api_.streamDestroy(stream_); }
  Stream(const Stream&) = delete;
  CudaStream get() const { return stream_; }

 private:
  const CudaApi& api_;
  CudaStream stream_ = nullptr;
};

class Event {
 public:
  explicit Event(const CudaApi& api);
  ~Event() { api_.eventDestroy(event_); }
  Event(const Event&) = delete;
  void record(const Stream& stream);
  /// Whether all that was on the stream when it was recorded has happened. @throws CommError where some of it failed
  bool hasHappened() const;

 private:
  const CudaApi& api_;
  CudaEvent event_ = nullptr;
};

/// Memory on the device that grows when more is asked for; what it held is lost then.
class DeviceMemory {
 public:
  explicit DeviceMemory(const CudaApi& api) : api_(api) {}
  ~DeviceMemory() { release(); }
  DeviceMemory(const DeviceMemory&) = delete;
  CudaPointer reserve(size_t bytes);
  CudaPointer get() const { return pointer_; }
  size_t size() const { return size_; }
  void release();

 private:
  const CudaApi& api_;
  CudaPointer pointer_ = 0;
  size_t size_ = 0;
};

/// Host memory that the device reads and writes by itself.
class PinnedMemory {
 public:
  PinnedMemory(const CudaApi& api, size_t bytes);
  ~PinnedMemory() { api_.memFreeHost(data_); }
  PinnedMemory(const PinnedMemory&) = delete;
  char* data() const { return static_cast<char*>(data_); }

 private:
  const CudaApi& api_;
  void* data_ = nullptr;
};

}  // namespace scmoe::comm
