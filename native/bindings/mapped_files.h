#pragma once
#include <cstdint>
#include <memory>

#include "core/mapped_file.h"

/// The mapped files of this process, for all threads that have loaded the addon.
namespace scmoe {

/// Keeps a file until it is unmapped. @returns its number
int64_t addMappedFile(std::shared_ptr<MappedFile> file);
/// The file of a number; none where there is no such number (any more).
std::shared_ptr<MappedFile> mappedFile(int64_t number);
void removeMappedFile(int64_t number);

/// Gives pages of these bytes back where they are of a mapped file, whether it still has its number or not.
void forgetMapped(const void* memory, int64_t bytes);

}  // namespace scmoe
