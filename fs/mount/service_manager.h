/* SPDX-License-Identifier: MIT */
/* What a service manager is told: sd_notify(3)'s protocol, one datagram to $NOTIFY_SOCKET. */
#ifndef FS_SERVICE_MANAGER_H
#define FS_SERVICE_MANAGER_H

/* Sends e.g. "READY=1"; does nothing without a service manager. Never blocks, never fails. */
void notify_service_manager(const char *message);

#endif
