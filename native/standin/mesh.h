#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

namespace scmoe::standin {

/// One direction between two ranks: bytes through shared memory, one writer, one reader, no lock that a killed process
/// could leave behind.
struct Ring {
  static constexpr uint64_t kBytes = 1 << 16;
  std::atomic<uint64_t> written, read;
  char data[kBytes];

  size_t put(const char* source, size_t bytes) {
    const uint64_t at = written.load(std::memory_order_relaxed);
    const size_t n =
        std::min<size_t>({bytes, kBytes - (at - read.load(std::memory_order_acquire)), kBytes - at % kBytes});
    std::memcpy(data + at % kBytes, source, n);
    written.store(at + n, std::memory_order_release);
    return n;
  }

  size_t take(char* target, size_t bytes) {
    const uint64_t at = read.load(std::memory_order_relaxed);
    const size_t n = std::min<size_t>({bytes, written.load(std::memory_order_acquire) - at, kBytes - at % kBytes});
    std::memcpy(target, data + at % kBytes, n);
    read.store(at + n, std::memory_order_release);
    return n;
  }
};

/// A ring between every two ranks, in a file of /dev/shm that has a name as long as somebody still has to come.
class Mesh {
 public:
  Mesh(const std::string& name, int size) : name_("/scmoe-standin-" + name), size_(size) {
    const int file = ::shm_open(name_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    bytes_ = sizeof(std::atomic<int>) * 16 + sizeof(Ring) * static_cast<size_t>(size) * static_cast<size_t>(size);
    if (file < 0 || ::ftruncate(file, static_cast<off_t>(bytes_)) != 0) std::abort();
    base_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    if (base_ == MAP_FAILED) std::abort();
    joined().fetch_add(1);
  }
  ~Mesh() {
    ::shm_unlink(name_.c_str());
    ::munmap(base_, bytes_);
  }
  Mesh(const Mesh&) = delete;

  bool complete() {
    if (joined().load() < size_) return false;
    ::shm_unlink(name_.c_str());
    return true;
  }
  Ring& between(int from, int to) {
    return reinterpret_cast<Ring*>(static_cast<char*>(base_) + sizeof(std::atomic<int>) * 16)[from * size_ + to];
  }

 private:
  std::atomic<int>& joined() { return *static_cast<std::atomic<int>*>(base_); }

  const std::string name_;
  const int size_;
  size_t bytes_;
  void* base_;
};

}  // namespace scmoe::standin
