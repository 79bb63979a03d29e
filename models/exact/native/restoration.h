/* Sizes of restoration.c and of its loops, restore.h. */
#ifndef SELFVAE_RESTORATION_H
#define SELFVAE_RESTORATION_H

#define RESTORE_FINE 16 /* of a grey level, which pixels are given in */
#define RESTORE_RADIUS 4
#define RESTORE_MOST 512 /* pixels of a row in a part */
#define RESTORE_LANES 16
#define RESTORE_ROWS 3
#define RESTORE_PLANE (RESTORE_MOST + 2 * RESTORE_RADIUS)

#endif
