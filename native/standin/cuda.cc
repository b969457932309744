// A stand-in for the CUDA driver; see README.md.
#include "standin/cuda.h"

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "standin/knobs.h"

using scmoe::standin::number;
using scmoe::standin::planned;

namespace {

constexpr int kInvalidValue = 1, kNotInitialized = 3, kInvalidContext = 201, kNotReady = 600;
// Device pointers are no addresses: a host that follows one faults, as it would with a GPU.
constexpr unsigned long long kDevice = 1ull << 62;

struct Stream {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> queue;
  bool ending = false;
  std::thread thread{[this] { run(); }};

  void push(std::function<void()> work) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      queue.push_back(std::move(work));
    }
    changed.notify_one();
  }
  void run() {
    for (;;) {
      std::function<void()> work;
      {
        std::unique_lock<std::mutex> lock(mutex);
        changed.wait(lock, [&] { return ending || !queue.empty(); });
        if (queue.empty()) return;
        work = std::move(queue.front());
        queue.pop_front();
      }
      work();
    }
  }
};

struct Event {
  std::atomic<int> pending{0};
};

struct Machine {
  std::mutex mutex;
  std::map<unsigned long long, size_t> device;  // by address, without the mark
  std::map<unsigned long long, size_t> pinned;
  std::atomic<long> live{0};  // allocations, streams, events and contexts
  std::atomic<bool> started{false};
};

Machine& machine() {
  static Machine* instance = new Machine;  // streams may outlive static destructors
  return *instance;
}

thread_local void* current = nullptr;

bool holds(const std::map<unsigned long long, size_t>& memory, unsigned long long address, size_t bytes) {
  auto after = memory.upper_bound(address);
  if (after == memory.begin()) return false;
  --after;
  return address >= after->first && address + bytes <= after->first + after->second;
}

int begin(const char* call, bool needsContext = true) {
  if (const int result = planned("STANDIN_CUDA_FAIL", call)) return result;
  if (!machine().started && std::string(call) != "cuInit" && std::string(call) != "cuDriverGetVersion")
    return kNotInitialized;
  return needsContext && !current ? kInvalidContext : 0;
}

unsigned long long addressOf(const void* pointer) { return reinterpret_cast<unsigned long long>(pointer); }

}  // namespace

void* standinHostAddress(const void* device, size_t bytes) {
  const unsigned long long address = addressOf(device);
  // Memory that the host and the device share, as managed memory is.
  if (!(address & kDevice) && number("STANDIN_CUDA_MANAGED", 0) != 0) return const_cast<void*>(device);
  std::lock_guard<std::mutex> lock(machine().mutex);
  if (!(address & kDevice) || !holds(machine().device, address & ~kDevice, bytes)) return nullptr;
  return reinterpret_cast<void*>(address & ~kDevice);
}

void standinLaunch(void* stream, void (*work)(void*), void* data) {
  static_cast<Stream*>(stream)->push([work, data] { work(data); });
}

bool standinHasContext() { return current != nullptr; }

long standinCudaLive() { return machine().live; }

#define BEGIN(call, ...) \
  if (const int result = begin(call, ##__VA_ARGS__)) return result

extern "C" {

int cuInit(unsigned) {
  BEGIN("cuInit", false);
  machine().started = true;
  return number("STANDIN_CUDA_DEVICES", 8) > 0 ? 0 : 100;
}

int cuDriverGetVersion(int* version) {
  *version = 13000;
  return 0;
}

int cuGetErrorString(int result, const char** text) {
  switch (result) {
    case 0: *text = "no error"; return 0;
    case 1: *text = "invalid argument"; return 0;
    case 2: *text = "out of memory"; return 0;
    case 100: *text = "no CUDA-capable device is detected"; return 0;
    case 101: *text = "invalid device ordinal"; return 0;
    case 201: *text = "invalid device context"; return 0;
    default: *text = nullptr; return kInvalidValue;
  }
}

int cuDeviceGetCount(int* count) {
  BEGIN("cuDeviceGetCount", false);
  *count = number("STANDIN_CUDA_DEVICES", 8);
  return 0;
}

int cuDeviceGet(int* device, int ordinal) {
  BEGIN("cuDeviceGet", false);
  if (ordinal < 0 || ordinal >= number("STANDIN_CUDA_DEVICES", 8)) return 101;
  *device = ordinal;
  return 0;
}

int cuDeviceGetName(char* name, int length, int device) {
  BEGIN("cuDeviceGetName", false);
  std::snprintf(name, static_cast<size_t>(length), "stand-in device %d", device);
  return 0;
}

int cuDeviceGetUuid_v2(char* uuid, int device) {
  BEGIN("cuDeviceGetUuid_v2", false);
  std::memset(uuid, 0, 16);
  uuid[15] = static_cast<char>(device);
  return 0;
}

int cuDevicePrimaryCtxRetain(void** context, int device) {
  BEGIN("cuDevicePrimaryCtxRetain", false);
  *context = reinterpret_cast<void*>(static_cast<intptr_t>(device) + 1);
  ++machine().live;
  return 0;
}

int cuDevicePrimaryCtxRelease_v2(int) {
  --machine().live;
  return 0;
}

int cuCtxSetCurrent(void* context) {
  BEGIN("cuCtxSetCurrent", false);
  current = context;
  return 0;
}

int cuMemAlloc_v2(unsigned long long* pointer, size_t bytes) {
  BEGIN("cuMemAlloc_v2");
  if (bytes == 0) return kInvalidValue;
  const unsigned long long address = addressOf(std::malloc(bytes));
  std::lock_guard<std::mutex> lock(machine().mutex);
  machine().device[address] = bytes;
  ++machine().live;
  *pointer = address | kDevice;
  return 0;
}

int cuMemFree_v2(unsigned long long pointer) {
  BEGIN("cuMemFree_v2");
  std::lock_guard<std::mutex> lock(machine().mutex);
  if (machine().device.erase(pointer & ~kDevice) == 0) return kInvalidValue;
  std::free(reinterpret_cast<void*>(pointer & ~kDevice));
  --machine().live;
  return 0;
}

int cuMemGetAddressRange_v2(unsigned long long* first, size_t* bytes, unsigned long long pointer) {
  BEGIN("cuMemGetAddressRange_v2");
  if (!(pointer & kDevice) && number("STANDIN_CUDA_MANAGED", 0) != 0) {
    *first = pointer;
    *bytes = ~size_t{0} >> 1;
    return 0;
  }
  std::lock_guard<std::mutex> lock(machine().mutex);
  auto after = machine().device.upper_bound(pointer & ~kDevice);
  if (!(pointer & kDevice) || after == machine().device.begin()) return kInvalidValue;
  --after;
  if ((pointer & ~kDevice) >= after->first + after->second) return kInvalidValue;
  *first = after->first | kDevice;
  *bytes = after->second;
  return 0;
}

int cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  BEGIN("cuMemHostAlloc");
  *pointer = std::malloc(bytes);
  std::lock_guard<std::mutex> lock(machine().mutex);
  machine().pinned[addressOf(*pointer)] = bytes;
  ++machine().live;
  return 0;
}

int cuMemFreeHost(void* pointer) {
  BEGIN("cuMemFreeHost");
  std::lock_guard<std::mutex> lock(machine().mutex);
  if (machine().pinned.erase(addressOf(pointer)) == 0) return kInvalidValue;
  std::free(pointer);
  --machine().live;
  return 0;
}

static int copyLater(void* target, const void* source, const void* pinned, size_t bytes, void* stream) {
  if (!target || !source || bytes == 0) return kInvalidValue;
  if (pinned) {
    // The driver takes other host memory as well, but then a copy is none that runs by itself.
    std::lock_guard<std::mutex> lock(machine().mutex);
    if (!holds(machine().pinned, addressOf(pinned), bytes)) return kInvalidValue;
  }
  static_cast<Stream*>(stream)->push([=] { std::memcpy(target, source, bytes); });
  return 0;
}

int cuMemcpyHtoDAsync_v2(unsigned long long target, const void* source, size_t bytes, void* stream) {
  BEGIN("cuMemcpyHtoDAsync_v2");
  return copyLater(standinHostAddress(reinterpret_cast<void*>(target), bytes), source, source, bytes, stream);
}

int cuMemcpyDtoHAsync_v2(void* target, unsigned long long source, size_t bytes, void* stream) {
  BEGIN("cuMemcpyDtoHAsync_v2");
  return copyLater(target, standinHostAddress(reinterpret_cast<void*>(source), bytes), target, bytes, stream);
}

int cuMemcpyDtoDAsync_v2(unsigned long long target, unsigned long long source, size_t bytes, void* stream) {
  BEGIN("cuMemcpyDtoDAsync_v2");
  return copyLater(standinHostAddress(reinterpret_cast<void*>(target), bytes),
                   standinHostAddress(reinterpret_cast<void*>(source), bytes), nullptr, bytes, stream);
}

int cuStreamCreate(void** stream, unsigned flags) {
  BEGIN("cuStreamCreate");
  if (flags != 1) return kInvalidValue;
  *stream = new Stream;
  ++machine().live;
  return 0;
}

int cuStreamDestroy_v2(void* stream) {
  BEGIN("cuStreamDestroy_v2");
  auto* doomed = static_cast<Stream*>(stream);
  {
    std::lock_guard<std::mutex> lock(doomed->mutex);
    doomed->ending = true;
  }
  doomed->changed.notify_one();
  doomed->thread.join();
  delete doomed;
  --machine().live;
  return 0;
}

int cuEventCreate(void** event, unsigned) {
  BEGIN("cuEventCreate");
  *event = new std::shared_ptr<Event>(std::make_shared<Event>());
  ++machine().live;
  return 0;
}

int cuEventRecord(void* event, void* stream) {
  BEGIN("cuEventRecord");
  const std::shared_ptr<Event> recorded = *static_cast<std::shared_ptr<Event>*>(event);
  ++recorded->pending;
  static_cast<Stream*>(stream)->push([recorded] { --recorded->pending; });
  return 0;
}

int cuEventQuery(void* event) {
  BEGIN("cuEventQuery");
  return (*static_cast<std::shared_ptr<Event>*>(event))->pending > 0 ? kNotReady : 0;
}

int cuEventDestroy_v2(void* event) {
  BEGIN("cuEventDestroy_v2");
  delete static_cast<std::shared_ptr<Event>*>(event);
  --machine().live;
  return 0;
}

}  // extern "C"
