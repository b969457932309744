#pragma once
#include <cstdint>
#include <memory>

namespace scmoe {

/// The bytes of a file as memory, read by the system when they are asked for. What is written there stays here: the
/// file never has it. It lives as long as somebody shares it, also where the file has been closed, or another one has
/// its name now. Who cuts the file itself short ends the process at the next byte that is not there (SIGBUS); no check
/// can foresee it.
class MappedFile {
 public:
  /// @param descriptor of an open file @param bytes how many of it there have to be
  /// @throws Error where it has fewer now, or the system maps no files
  static std::shared_ptr<MappedFile> open(int descriptor, int64_t bytes);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  char* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

  /// Lets the system forget that some bytes have been read: they no longer count as memory of this process. What has
  /// been written to their pages is lost.
  void forget(int64_t begin, int64_t bytes) const;

 private:
  MappedFile(char* data, int64_t bytes) : data_(data), bytes_(bytes) {}

  char* const data_;
  const int64_t bytes_;
};

}  // namespace scmoe
