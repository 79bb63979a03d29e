/* What the library shows. */
#ifndef SELFVAE_LIBRARY_H
#define SELFVAE_LIBRARY_H

#include <stdint.h>

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

#endif
