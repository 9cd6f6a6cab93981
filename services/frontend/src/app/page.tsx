import { redirect } from "next/navigation";
import { START } from "@/server/signing-in";

export default function Start(): never {
  redirect(START);
}
