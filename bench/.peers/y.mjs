for (const p of ["hono","elysia","h3","@oakserver/oak","hono-sessions","express","express-session"]) {
 try { const m = await import(p); console.log(p, typeof m, Object.keys(m).slice(0,5).join()); } catch (e) { console.log(p, "FAIL", e.message.slice(0,200)); }
}
