#include "core/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.h"
#if !defined(_WIN32)
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace scmoe {

#if defined(_WIN32)

std::shared_ptr<MappedFile> MappedFile::open(int, int64_t) { throw Error("mapFile: not on this system"); }
MappedFile::~MappedFile() = default;
void MappedFile::forget(int64_t, int64_t) const {}

#else

std::shared_ptr<MappedFile> MappedFile::open(int descriptor, int64_t bytes) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) throw Error(std::string("mapFile: ") + std::strerror(errno));
  if (status.st_size < bytes || bytes == 0)
    throw Error("mapFile: expected a file of at least " + std::to_string(bytes) + " bytes, got " +
                std::to_string(status.st_size));
  void* const data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
  if (data == MAP_FAILED) throw Error(std::string("mapFile: ") + std::strerror(errno));
  return std::shared_ptr<MappedFile>(new MappedFile(static_cast<char*>(data), bytes));
}

MappedFile::~MappedFile() { munmap(data_, bytes_); }

void MappedFile::forget(int64_t begin, int64_t bytes) const {
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t first = (begin + page - 1) / page * page, last = (begin + bytes) / page * page;
  if (last > first) madvise(data_ + first, last - first, MADV_DONTNEED);
}

#endif

}  // namespace scmoe
